/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "message_in.h"

#include "names.h"
#include "reply.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"
#include "jobs.pb-c.h"
#include "record.pb-c.h"
#include "senders.pb-c.h"
#include "settle.pb-c.h"
#include "terms.pb-c.h"
#include "usage.pb-c.h"
#include "base/invariant.h"

#include <stdio.h>
#include <string.h>

static void
write_texts(struct om_jw *w, const char *key, char *const *texts, size_t n)
{
	gw_write_open(w, key, '[');
	for (size_t i = 0; i < n; i++)
		om_jw_text(w, texts[i]);
	om_jw_close(w, ']');
}

/* ---- usage ---- */

static bool
is_grouped_by(const Om__UsageReply *u, int dimension)
{
	size_t i = 0;

	while (i < u->n_group_by && (int)u->group_by[i] != dimension)
		i++;
	return i < u->n_group_by;
}

/* name_fields names the fields that a row has: the dimensions it is grouped by, each with
 * its display name if it has one, and the figures. */
static void
name_fields(const Om__UsageReply *u, char *out, size_t bytes)
{
	const ProtobufCEnumDescriptor *d = &om__dimension__descriptor;
	char name[GW_NAME], shown[GW_NAME + 8];
	size_t n = 0;

	for (unsigned i = 0; i < d->n_values; i++) {
		if (!is_grouped_by(u, d->values[i].value))
			continue;
		n += (size_t)snprintf(out + n, bytes - n, "%s ", gw_enum_name(d, d->values[i].value, name));
		(void)snprintf(shown, sizeof shown, "%s_name", name);
		if (protobuf_c_message_descriptor_get_field_by_name(&om__usage_row__descriptor, shown) != NULL)
			n += (size_t)snprintf(out + n, bytes - n, "%s ", shown);
		om_check(n + 2 * sizeof shown < bytes);
	}
	(void)snprintf(out + n, bytes - n, "figures ");
}

void
gw_own_rows(struct om_jw *w, const void *m)
{
	const Om__UsageReply *u = m;
	char fields[1024];

	name_fields(u, fields, sizeof fields);
	gw_answer_list(w, &u->base, "rows", fields);
}

/* ---- generations and records ---- */

void
gw_own_generation(struct om_jw *w, const void *m)
{
	const Om__GenerationReply *r = m;
	const Om__Generation *g = r->generation;

	if (g == NULL) {
		gw_write_null(w, "generation");
		om_buf_fail(w->out, OM_UNAVAILABLE);
		return;
	}
	gw_write_open(w, "generation", '{');
	gw_answer_members(w, &g->base);
	write_texts(w, "part_of", g->part_of, g->n_part_of);
	write_texts(w, "parts", g->parts, g->n_parts);
	om_jw_close(w, '}');
}

void
gw_own_given_up(struct om_jw *w, const void *m)
{
	gw_write_bool(w, "given_up", !((const Om__Lookup *)m)->has_next_us);
}

void
gw_own_user(struct om_jw *w, const void *m)
{
	const Om__Record *r = m;

	if (r->user == NULL) /* every record has one */
		om_buf_fail(w->out, OM_UNAVAILABLE);
	gw_write_text(w, "user", r->user != NULL ? r->user->id : "");
	gw_write_text(w, "user_name", r->user != NULL ? r->user->name : NULL);
}

void
gw_own_groups(struct om_jw *w, const void *m)
{
	const Om__Record *r = m;

	write_texts(w, "groups", r->user != NULL ? r->user->groups : NULL, r->user != NULL ? r->user->n_groups : 0);
}

/* A record that does not say who named its cost has the cost from its sender, who reported it. */
void
gw_own_cost_state(struct om_jw *w, const void *m)
{
	const Om__Record *r = m;
	Om__CostState state = r->has_cost_state ? r->cost_state : OM__COST_STATE__COST_REPORTED;
	char name[GW_NAME];

	if (r->cost == NULL)
		state = OM__COST_STATE__COST_UNKNOWN;
	gw_write_text(w, "cost_state", gw_enum_name(&om__cost_state__descriptor, (int)state, name));
}

/* ---- lists ---- */

void
gw_own_missing(struct om_jw *w, const void *m)
{
	const Om__UnsettledItem *u = m;

	gw_write_text(w, "missing", u->has_lacks_byok && u->lacks_byok ? "byok_cost" : "cost");
}

void
gw_own_silent(struct om_jw *w, const void *m)
{
	gw_write_text(w, "state", ((const Om__Sender *)m)->silent ? "silent" : "heard");
}

/* ---- documents, files, terms ---- */

void
gw_own_month(struct om_jw *w, const void *m)
{
	const Om__Document *d = m;
	char month[16];

	(void)snprintf(month, sizeof month, "%04u-%02u", (unsigned)d->year % 10000, (unsigned)d->month % 100);
	gw_write_text(w, "month", month);
}

/* The code stands in groups of four, as on the document. */
void
gw_own_code(struct om_jw *w, const void *m)
{
	const char *code = ((const Om__Document *)m)->verification_code;
	char shown[20];

	if (strlen(code) == 16) {
		(void)snprintf(shown, sizeof shown, "%.4s-%.4s-%.4s-%.4s", code, code + 4, code + 8, code + 12);
		code = shown;
	}
	gw_write_text(w, "verification_code", code);
}

/* Progress is thousandths of one, below it until the file is done. */
void
gw_own_progress(struct om_jw *w, const void *m)
{
	const Om__JobReply *r = m;
	char part[8];

	om_jw_key(w, "progress");
	if (r->state == OM__JOB_STATE__JOB_DONE) {
		om_jw_int(w, 1);
	} else if (r->has_rows_total && r->rows_total > 0) {
		(void)snprintf(part, sizeof part, "0.%03u",
		    (unsigned)(r->rows_done >= r->rows_total ? 999 : r->rows_done * 1000 / r->rows_total) % 1000);
		om_jw_raw(w, part);
	} else {
		om_jw_null(w);
	}
}

void
gw_own_bytes(struct om_jw *w, const void *m)
{
	const Om__JobReply *r = m;

	if (r->state == OM__JOB_STATE__JOB_DONE)
		gw_write_int(w, "bytes", (int64_t)r->bytes);
	else
		gw_write_null(w, "bytes");
}

void
gw_own_confirmed(struct om_jw *w, const void *m)
{
	const Om__Terms *t = m;

	gw_write_bool(w, "exchange_rate_confirmed", t->has_exchange_rate_confirmed && t->exchange_rate_confirmed);
}

void
gw_own_items(struct om_jw *w, const void *m)
{
	const Om__TermsReply *r = m;

	gw_write_open(w, "items", '[');
	for (size_t i = 0; i < r->n_items; i++)
		if (r->items[i]->counts)
			gw_answer_message(w, &r->items[i]->base);
	om_jw_close(w, ']');
}

void
gw_own_value(struct om_jw *w, const void *m)
{
	const Om__Setting *s = m;

	gw_write_text(w, "value", s->masked ? NULL : s->value);
}
