/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kept_terms.h"

#include "words/clean.h"
#include "terms.pb-c.h"
#include "base/invariant.h"
#include "wire/terms.h"

#include <stdlib.h>
#include <string.h>

#define FLOOR_RULE "FLOOR_RULE"
#define RULE_NOW   "2"

static json_t *
parse(const char *json)
{
	json_t *doc = NULL;

	if (om_json_parse(json, strlen(json), &doc, NULL) != OM_OK || !json_is_object(doc)) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

/* lay_over puts a month's terms in place of those of the settings. */
static int
lay_over(json_t *doc, const Om__Terms *t)
{
	Om__Terms copy = *t;
	char name[OM_TERMS_NAME];
	int rv = 0;

	for (unsigned i = 0; rv == 0 && i < OM_TERMS_TEXTS; i++) {
		const char *key = om_terms_name_in(i, OM_TERMS_UPPER, name), *text = *om_terms_text(&copy, i);

		if (text == NULL)
			(void)json_object_del(doc, key);
		else
			rv = json_object_set_new(doc, key, json_string(text));
	}
	return rv;
}

static om_status
write_kept(const struct rd_document_settings *h, const Om__Terms *t, const struct rd_month *m, rd_paper paper,
    struct om_arena *a, const char **out, om_err *e)
{
	json_t *doc = h->json != NULL ? parse(h->json) : json_object();
	char *text = NULL;
	om_status s = doc != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");

	*out = NULL;
	if (s == OM_OK &&
	    (lay_over(doc, t) != 0 || json_object_set_new(doc, FLOOR_RULE, json_string(RULE_NOW)) != 0 ||
		(m->locale != NULL && json_object_set_new(doc, "DOCUMENT_LOCALE", json_string(m->locale->tag)) != 0) ||
		json_object_set_new(doc, "PAPER", json_string(paper == RD_LETTER ? "letter" : "a4")) != 0 ||
		(text = json_dumps(doc, JSON_COMPACT)) == NULL || (*out = om_arena_strdup(a, text)) == NULL))
		s = om_fail(e, OM_NOMEM, "out of memory");
	free(text);
	json_decref(doc);
	return s;
}

om_status
rd_terms_used(const struct rd_document_settings *h, const Om__Terms *t, om_day first, const struct rd_month *m,
    rd_paper paper, struct om_arena *a, struct rd_made_with *out, om_err *e)
{
	const Om__Terms *used = t != NULL ? t : &h->terms;
	om_status s;

	om_check(paper == RD_A4 || paper == RD_LETTER);
	*out = (struct rd_made_with){.kept = NULL};
	s = rd_terms_of(used, first, &h->issuer, a, &out->terms, e);
	return s == OM_OK ? write_kept(h, used, m, paper, a, &out->kept, e) : s;
}

static const char *
text_of(const json_t *doc, const char *name, struct om_arena *a)
{
	const char *text = json_string_value(json_object_get(doc, name));

	return text != NULL && text[0] != '\0' ? om_arena_strdup(a, text) : NULL;
}

om_status
rd_terms_kept_charges(const char *json, struct om_arena *a, Om__Terms *out, om_err *e)
{
	json_t *doc = parse(json);
	om_err why = {.text = ""};
	om_status s = doc != NULL ? om_terms_read(doc, OM_TERMS_UPPER, a, out, &why) : OM_DAMAGED;

	if (s == OM_OK)
		s = om_terms_check(out, &why);
	json_decref(doc);
	return s == OM_OK ? s : om_fail(e, OM_DAMAGED, "the document's terms cannot be read: %.120s", why.text);
}

om_status
rd_terms_kept(const struct rd_document_settings *h, const char *json, om_day first, struct om_arena *a,
    struct rd_made_with *out, om_err *e)
{
	Om__Terms t = OM__TERMS__INIT;
	om_status s = rd_terms_kept_charges(json, a, &t, e);
	json_t *doc = s == OM_OK ? parse(json) : NULL;
	struct rd_issuer issuer = {.logo = h->issuer.logo};

	*out = (struct rd_made_with){.kept = json};
	if (s != OM_OK || doc == NULL) {
		json_decref(doc);
		return s != OM_OK ? s : om_fail(e, OM_NOMEM, "out of memory");
	}
	issuer.name = rd_terms_line(a, text_of(doc, "ISSUER_NAME", a));
	issuer.address = rd_terms_lines(a, text_of(doc, "ISSUER_ADDRESS", a));
	issuer.vat_id = rd_terms_line(a, text_of(doc, "ISSUER_VAT_ID", a));
	issuer.contact = rd_terms_lines(a, text_of(doc, "ISSUER_CONTACT", a));
	issuer.footer = rd_terms_lines(a, text_of(doc, "DOCUMENT_FOOTER", a));
	out->locale = rd_locale_named(text_of(doc, "DOCUMENT_LOCALE", a));
	out->paper = text_of(doc, "PAPER", a);
	s = rd_terms_of(&t, first, &issuer, a, &out->terms, e);
	out->terms.old_floor = json_object_get(doc, FLOOR_RULE) == NULL;
	json_decref(doc);
	return s;
}
