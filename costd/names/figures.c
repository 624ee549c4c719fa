/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "figures.h"

#include "persons.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/text.h"
#include "wire/codec.h"

#include <string.h>

#define PACKED_BYTES ((size_t)64 * 1024 * 1024)

/* One pass over the ids of a document's figures. */
struct pass {
	struct cd_db *db;
	struct om_arena *a;
	bool hide;
	const char *last;  /* the id before, which often comes again */
	char *last_result; /* in the arena */
};

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
hide_id(struct pass *p, const char *id, char **out, om_err *e)
{
	int64_t number = 0;
	om_status s = cd_person_number(p->db, id, &number, e);

	if (s != OM_OK)
		return s;
	*out = number != 0 ? om_arena_printf(p->a, "#%lld", (long long)number) : om_arena_printf(p->a, "=%s", id);
	return *out != NULL ? OM_OK : no_memory(e);
}

struct found {
	struct om_arena *a;
	char *text;
};

static om_status
keep_id(void *arg, const struct cd_val *v, om_err *e)
{
	struct found *f = arg;

	f->text = om_arena_strndup(f->a, v[0].p, v[0].n);
	return f->text != NULL ? OM_OK : no_memory(e);
}

static om_status
show_id(struct pass *p, const char *kept, char **out, om_err *e)
{
	struct found f = {.a = p->a};
	uint64_t number = 0;
	om_status s;

	if (kept[0] == '=') {
		*out = om_arena_strdup(p->a, kept + 1);
		return *out != NULL ? OM_OK : no_memory(e);
	}
	if (kept[0] != '#' || !om_u64_parse(kept + 1, INT64_MAX, &number))
		return om_fail(e, OM_DAMAGED, "a document's figures name nobody");
	s = cd_db_query(p->db, "SELECT external_id FROM person WHERE id=?", (struct cd_val[]){CD_I((int64_t)number)}, 1,
	    keep_id, &f, e);
	if (s == OM_OK && f.text == NULL)
		s = om_fail(e, OM_DAMAGED, "a document's figures name a person who is not there");
	*out = f.text;
	return s;
}

static om_status
turn_id(struct pass *p, char **id, om_err *e)
{
	char *to = NULL;
	om_status s = OM_OK;

	if (*id == NULL || ((*id)[0] == '\0' && p->hide))
		return OM_OK;
	if (p->last != NULL && strcmp(p->last, *id) == 0)
		to = p->last_result;
	else
		s = p->hide ? hide_id(p, *id, &to, e) : show_id(p, *id, &to, e);
	if (s != OM_OK)
		return s;
	p->last = *id;
	p->last_result = to;
	*id = to;
	return OM_OK;
}

static om_status
turn_rows(struct pass *p, Om__UsageRow *const *rows, size_t n, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++)
		s = turn_id(p, &rows[i]->user, e);
	return s;
}

static om_status
turn_all(struct pass *p, Om__StatementReply *r, om_err *e)
{
	om_status s = r->user != NULL ? turn_id(p, &r->user->id, e) : OM_OK;

	if (s == OM_OK)
		s = turn_rows(p, r->users, r->n_users, e);
	if (s == OM_OK)
		s = turn_rows(p, r->user_models, r->n_user_models, e);
	if (s == OM_OK)
		s = turn_rows(p, r->previous_users, r->n_previous_users, e);
	for (size_t i = 0; s == OM_OK && i < r->n_generations; i++)
		if (r->generations[i]->user[0] != '\0')
			s = turn_id(p, &r->generations[i]->user, e);
	return s;
}

static om_status
turn(struct pass *p, ProtobufCBinaryData in, ProtobufCBinaryData *out, om_err *e)
{
	Om__StatementReply *r = NULL;
	om_err why = {.text = ""};
	struct om_buf b;
	om_status s = om_msg_unpack(&om__statement_reply__descriptor, in.data, in.len, p->a, &r, &why);

	if (s != OM_OK)
		return om_fail(e, OM_DAMAGED, "the figures of a document: %.200s", om_err_text(&why, s));
	s = turn_all(p, r, e);
	if (s != OM_OK)
		return s;
	om_buf_init(&b, PACKED_BYTES);
	om_msg_pack(&r->base, &b);
	s = om_buf_done(&b, e);
	*out = (ProtobufCBinaryData){.len = b.len, .data = s == OM_OK ? om_arena_alloc(p->a, b.len + 1) : NULL};
	if (s == OM_OK && out->data == NULL)
		s = no_memory(e);
	if (s == OM_OK && b.len > 0)
		memcpy(out->data, b.data, b.len);
	om_buf_fini(&b);
	return s;
}

om_status
cd_figures_hide(struct cd_db *db, ProtobufCBinaryData in, struct om_arena *a, ProtobufCBinaryData *out, om_err *e)
{
	struct pass p = {.db = db, .a = a, .hide = true};

	return turn(&p, in, out, e);
}

om_status
cd_figures_show(struct cd_db *db, ProtobufCBinaryData in, struct om_arena *a, ProtobufCBinaryData *out, om_err *e)
{
	struct pass p = {.db = db, .a = a, .hide = false};

	return turn(&p, in, out, e);
}
