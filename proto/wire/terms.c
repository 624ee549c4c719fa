/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "terms.h"

#include "base/money.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

typedef enum kind { DECIMAL, MODE, CURRENCY, DAY, TEXT } kind;

static const struct {
	const char *name;
	size_t at;
	kind kind;
	int64_t max; /* of a decimal; characters of a text */
	const char *def;
	bool of_rate;
} texts[OM_TERMS_TEXTS] = {
    {"minimum_charge_fee", offsetof(Om__Terms, minimum_charge_fee), DECIMAL, 1000000, "0", false},
    {"minimum_charge_mode", offsetof(Om__Terms, minimum_charge_mode), MODE, 0, "add", false},
    {"markup_percent", offsetof(Om__Terms, markup_percent), DECIMAL, 10000, "0", false},
    {"markup_per_million_tokens", offsetof(Om__Terms, markup_per_million_tokens), DECIMAL, 1000000, "0", false},
    {"tax_rate", offsetof(Om__Terms, tax_rate), DECIMAL, 1000, "0", false},
    {"tax_name", offsetof(Om__Terms, tax_name), TEXT, 40, "", false},
    {"currency", offsetof(Om__Terms, currency), CURRENCY, 0, "USD", true},
    {"exchange_rate", offsetof(Om__Terms, exchange_rate), DECIMAL, 1000000000, "0", true},
    {"exchange_rate_date", offsetof(Om__Terms, exchange_rate_date), DAY, 0, "", true},
    {"exchange_rate_source", offsetof(Om__Terms, exchange_rate_source), TEXT, 120, "", true},
};

const char *
om_terms_name(unsigned i)
{
	return texts[i].name;
}

const char *
om_terms_name_in(unsigned i, om_terms_case names, char buf[OM_TERMS_NAME])
{
	const char *lower = texts[i].name;
	size_t n = 0;

	if (names == OM_TERMS_LOWER)
		return lower;
	for (; lower[n] != '\0' && n + 1 < OM_TERMS_NAME; n++)
		buf[n] = (char)toupper((unsigned char)lower[n]);
	buf[n] = '\0';
	return buf;
}

char **
om_terms_text(Om__Terms *t, unsigned i)
{
	return (char **)(void *)((char *)t + texts[i].at);
}

static const char *
text_of(const Om__Terms *t, unsigned i)
{
	return *(char *const *)(const void *)((const char *)t + texts[i].at);
}

unsigned
om_terms_find(const char *name)
{
	unsigned i = 0;

	while (i < OM_TERMS_TEXTS && strcmp(texts[i].name, name) != 0)
		i++;
	return i;
}

bool
om_terms_of_rate(unsigned i)
{
	return texts[i].of_rate;
}

bool
om_terms_in_usd(const Om__Terms *t)
{
	return t->currency == NULL || strcmp(t->currency, "USD") == 0;
}

/* ---- checking ---- */

static om_status
check_decimal(const char *text, int64_t max, om_err *e)
{
	const om_i128 one = 1000000000000000000;
	om_money m;

	if (om_money_parse(text, &m, NULL) != OM_OK)
		return om_fail(e, OM_INVALID, "must be a decimal of at most 18 fraction digits");
	if (m.v < 0 || m.v > (om_i128)max * one)
		return om_fail(e, OM_INVALID, "must be from 0 to %lld", (long long)max);
	return OM_OK;
}

static om_status
check_text(unsigned i, const char *text, om_err *e)
{
	size_t chars = 0;
	om_day day;

	switch (texts[i].kind) {
	case DECIMAL:
		return check_decimal(text, texts[i].max, e);
	case MODE:
		if (strcmp(text, "add") != 0 && strcmp(text, "floor") != 0)
			return om_fail(e, OM_INVALID, "must be add or floor");
		return OM_OK;
	case CURRENCY:
		if (strlen(text) != 3 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
			return om_fail(e, OM_INVALID, "must be three capital letters (ISO 4217), like EUR");
		return OM_OK;
	case DAY:
		if (om_day_parse(text, &day, NULL) != OM_OK)
			return om_fail(e, OM_INVALID, "must be a day, like 2026-10-31");
		return OM_OK;
	case TEXT:
		break;
	}
	for (const char *p = text; *p != '\0'; p++)
		chars += ((unsigned char)*p & 0xc0) != 0x80;
	if (chars == 0 || chars > (size_t)texts[i].max)
		return om_fail(e, OM_INVALID, "must have 1 to %lld characters", (long long)texts[i].max);
	return OM_OK;
}

/* is_set: a rate of 0 means that none is set. */
static bool
is_set(const Om__Terms *t, unsigned i)
{
	const char *text = text_of(t, i);
	om_money m;

	if (text == NULL || text[0] == '\0')
		return false;
	return texts[i].kind != DECIMAL || om_money_parse(text, &m, NULL) != OM_OK || !om_money_is_zero(m);
}

static om_status
check(const Om__Terms *t, om_terms_case names, om_err *e)
{
	char buf[OM_TERMS_NAME];
	om_err why;

	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		if (text_of(t, i) != NULL && check_text(i, text_of(t, i), &why) != OM_OK)
			return om_fail(e, OM_INVALID, "%s: %s", om_terms_name_in(i, names, buf), why.text);
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++) {
		if (!texts[i].of_rate || texts[i].kind == CURRENCY)
			continue;
		if (!om_terms_in_usd(t) && !is_set(t, i))
			return om_fail(e, OM_INVALID, "%s: is needed, and not 0, since currency is %s",
			    om_terms_name_in(i, names, buf), t->currency);
		if (om_terms_in_usd(t) && is_set(t, i))
			return om_fail(e, OM_INVALID, "%s: is set, but currency is USD; set currency or leave it out",
			    om_terms_name_in(i, names, buf));
	}
	return OM_OK;
}

om_status
om_terms_check(const Om__Terms *t, om_err *e)
{
	return check(t, OM_TERMS_LOWER, e);
}

om_status
om_terms_check_settings(const Om__Terms *t, om_err *e)
{
	return check(t, OM_TERMS_UPPER, e);
}

/* ---- comparing ---- */

static bool
same_text(unsigned i, const Om__Terms *a, const Om__Terms *b)
{
	const char *x = text_of(a, i) != NULL ? text_of(a, i) : texts[i].def;
	const char *y = text_of(b, i) != NULL ? text_of(b, i) : texts[i].def;
	om_money p, q;

	if (texts[i].kind == DECIMAL && om_money_parse(x, &p, NULL) == OM_OK && om_money_parse(y, &q, NULL) == OM_OK)
		return om_money_cmp(p, q) == 0;
	return strcmp(x, y) == 0;
}

bool
om_terms_same(const Om__Terms *a, const Om__Terms *b)
{
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		if (!same_text(i, a, b))
			return false;
	return true;
}

bool
om_terms_rate_outside(const Om__Terms *t, om_day first)
{
	int year, month, ignored, of_year, of_month;
	om_day day;

	if (om_terms_in_usd(t) || (t->has_exchange_rate_confirmed && t->exchange_rate_confirmed) ||
	    t->exchange_rate_date == NULL || om_day_parse(t->exchange_rate_date, &day, NULL) != OM_OK)
		return false;
	om_day_to_civil(first, &year, &month, &ignored);
	om_day_to_civil(day, &of_year, &of_month, &ignored);
	return year != of_year || month != of_month;
}

/* ---- JSON ---- */

void
om_terms_write(const Om__Terms *t, om_terms_case names, struct om_jw *w)
{
	char buf[OM_TERMS_NAME];

	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++) {
		if (text_of(t, i) == NULL)
			continue;
		om_jw_key(w, om_terms_name_in(i, names, buf));
		om_jw_text(w, text_of(t, i));
	}
	if (names == OM_TERMS_LOWER && t->has_exchange_rate_confirmed && t->exchange_rate_confirmed) {
		om_jw_key(w, OM_TERMS_CONFIRMED);
		om_jw_bool(w, true);
	}
}

static om_status
read_one(const json_t *o, om_terms_case names, unsigned i, struct om_arena *a, char **out, om_err *e)
{
	char upper[OM_TERMS_NAME];
	const char *name = om_terms_name_in(i, names, upper);
	const char *text = NULL;
	char buf[OM_MONEY_TEXT];
	om_money m;
	bool has = false;
	om_status s;

	*out = NULL;
	if (texts[i].kind == DECIMAL) {
		s = om_json_money(o, "", name, &m, &has, e);
		text = s == OM_OK && has ? om_money_text(m, buf) : NULL;
	} else {
		s = om_json_text(o, "", name, 1000, &text, e);
	}
	/* a setting that is not set is an empty text in what documents keep */
	if (s != OM_OK || text == NULL || (names == OM_TERMS_UPPER && text[0] == '\0'))
		return s;
	*out = om_arena_strdup(a, text);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
om_terms_read(const json_t *o, om_terms_case names, struct om_arena *a, Om__Terms *out, om_err *e)
{
	bool confirmed = false, has = false;
	om_status s = OM_OK;

	*out = (Om__Terms)OM__TERMS__INIT;
	for (unsigned i = 0; s == OM_OK && i < OM_TERMS_TEXTS; i++)
		s = read_one(o, names, i, a, om_terms_text(out, i), e);
	if (s == OM_OK && names == OM_TERMS_LOWER)
		s = om_json_bool(o, "", OM_TERMS_CONFIRMED, &confirmed, &has, e);
	out->has_exchange_rate_confirmed = has && confirmed;
	out->exchange_rate_confirmed = confirmed;
	return s;
}
