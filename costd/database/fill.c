/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fill.h"

#include "value/group_set.h"
#include "base/invariant.h"

#include <string.h>

#define MAX_COLUMNS 64u

/* Columns that are called otherwise than their fields. */
static const struct {
	const char *column, *field;
} others[] = {
    {"user_id", "user"},
    {"user_groups", "groups"},
    {"groups_json", "groups"},
    {"inherited_json", "inherited_groups"},
};

typedef enum how { HOW_SKIP, HOW_TEXT, HOW_AMOUNT, HOW_BYTES, HOW_TEXTS, HOW_64, HOW_32, HOW_FLAG } how;

/* What a column sets. */
struct target {
	how how;
	size_t offset;
	bool has;          /* the field has a member that tells whether it is there, */
	size_t has_offset; /* ... here; of HOW_TEXTS the number of texts */
	bool is_unsigned;
};

struct fill {
	const ProtobufCMessageDescriptor *kind;
	ProtobufCMessage *into; /* NULL: a new message per row */
	struct om_arena *a;
	cd_fill_fn *fn; /* NULL with into */
	void *arg;
	struct target targets[MAX_COLUMNS];
	size_t n;
};

static const ProtobufCFieldDescriptor *
field_of(const ProtobufCMessageDescriptor *kind, const char *column)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(kind, column);

	for (size_t i = 0; f == NULL && i < sizeof others / sizeof others[0]; i++)
		if (strcmp(others[i].column, column) == 0)
			f = protobuf_c_message_descriptor_get_field_by_name(kind, others[i].field);
	return f;
}

bool
cd_fill_has(const ProtobufCMessageDescriptor *kind, const char *column)
{
	return field_of(kind, column) != NULL;
}

/* how_of gives HOW_SKIP for fields that no column can set. */
static how
how_of(const ProtobufCFieldDescriptor *f, bool is_decimal)
{
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return f->type == PROTOBUF_C_TYPE_STRING ? HOW_TEXTS : HOW_SKIP;
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return is_decimal ? HOW_AMOUNT : HOW_TEXT;
	case PROTOBUF_C_TYPE_BYTES:
		return HOW_BYTES;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		return HOW_64;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_ENUM:
		return HOW_32;
	case PROTOBUF_C_TYPE_BOOL:
		return HOW_FLAG;
	default:
		return HOW_SKIP;
	}
}

static om_status
aim(const ProtobufCMessageDescriptor *kind, const struct cd_column *column, struct target *out, om_err *e)
{
	const ProtobufCFieldDescriptor *f = field_of(kind, column->name);

	*out = (struct target){.how = HOW_SKIP};
	if (column->name[0] == '_')
		return OM_OK;
	if (f != NULL)
		*out = (struct target){
		    .how = how_of(f, column->is_decimal),
		    .offset = f->offset,
		    .has = f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_STRING,
		    .has_offset = f->quantifier_offset,
		    .is_unsigned = f->type == PROTOBUF_C_TYPE_UINT64 || f->type == PROTOBUF_C_TYPE_UINT32,
		};
	if (out->how == HOW_SKIP)
		return om_fail(
		    e, OM_INTERNAL, "the column %s is no field of %s that can be set", column->name, kind->short_name);
	return OM_OK;
}

static om_status
take_columns(void *arg, const struct cd_column *columns, size_t n, om_err *e)
{
	struct fill *fill = arg;
	om_status s = OM_OK;

	om_check(n <= MAX_COLUMNS);
	for (size_t i = 0; s == OM_OK && i < n; i++)
		s = aim(fill->kind, &columns[i], &fill->targets[i], e);
	fill->n = n;
	return s;
}

/* text_of copies a text or an amount. */
static om_status
text_of(const struct cd_val *v, bool is_amount, struct om_arena *a, char **out, om_err *e)
{
	char buf[OM_MONEY_TEXT];
	om_money m;
	om_status s = OM_OK;

	*out = NULL;
	if (v->kind == CD_NULL)
		return OM_OK;
	if (is_amount)
		s = om_money_parse(v->p, &m, e);
	if (s != OM_OK)
		return OM_DAMAGED;
	*out = is_amount ? om_arena_strdup(a, om_money_text(m, buf)) : om_arena_strndup(a, v->p, v->n);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
set_bytes(char *at, const struct cd_val *v, struct om_arena *a, om_err *e)
{
	ProtobufCBinaryData bytes = {.len = v->kind == CD_TEXT ? v->n : 0};

	if (bytes.len > 0) {
		bytes.data = om_arena_alloc(a, bytes.len);
		if (bytes.data == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		memcpy(bytes.data, v->p, bytes.len);
	}
	memcpy(at, &bytes, sizeof bytes);
	return OM_OK;
}

static om_status
set_texts(char *message, const struct target *t, const struct cd_val *v, struct om_arena *a, om_err *e)
{
	char **texts = NULL;
	size_t n = 0;
	om_status s = v->kind == CD_TEXT ? cd_group_set_read(v->p, v->n, &texts, &n, a, e) : OM_OK;

	memcpy(message + t->offset, &texts, sizeof texts);
	memcpy(message + t->has_offset, &n, sizeof n);
	return s;
}

static void
set_number(char *at, const struct target *t, int64_t v)
{
	const int64_t n = t->is_unsigned && v < 0 ? 0 : v;
	const int32_t n32 = (int32_t)n;
	const protobuf_c_boolean flag = n != 0;

	if (t->how == HOW_64)
		memcpy(at, &n, sizeof n);
	else if (t->how == HOW_32)
		memcpy(at, &n32, sizeof n32);
	else
		memcpy(at, &flag, sizeof flag);
}

static om_status
set(char *message, const struct target *t, const struct cd_val *v, struct om_arena *a, om_err *e)
{
	const protobuf_c_boolean has = v->kind != CD_NULL;
	char *text;
	om_status s = OM_OK;

	if (t->how == HOW_SKIP)
		return OM_OK;
	if (has && (v->kind == CD_INT) != (t->how >= HOW_64))
		return om_fail(e, OM_INTERNAL, "a column has another kind than its field");
	switch (t->how) {
	case HOW_TEXT:
	case HOW_AMOUNT:
		s = text_of(v, t->how == HOW_AMOUNT, a, &text, e);
		memcpy(message + t->offset, &text, sizeof text);
		break;
	case HOW_BYTES:
		s = set_bytes(message + t->offset, v, a, e);
		break;
	case HOW_TEXTS:
		return set_texts(message, t, v, a, e);
	case HOW_64:
	case HOW_32:
	case HOW_FLAG:
		set_number(message + t->offset, t, has ? v->i : 0);
		break;
	case HOW_SKIP:
		break;
	}
	if (t->has)
		memcpy(message + t->has_offset, &has, sizeof has);
	return s;
}

static om_status
take_row(void *arg, const struct cd_val *v, om_err *e)
{
	struct fill *fill = arg;
	void *message = fill->into != NULL ? fill->into : om_msg_new(fill->a, fill->kind);
	om_status s = message != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");

	for (size_t i = 0; s == OM_OK && i < fill->n; i++)
		s = set(message, &fill->targets[i], &v[i], fill->a, e);
	return s == OM_OK && fill->fn != NULL ? fill->fn(fill->arg, message, v, e) : s;
}

om_status
cd_fill_query(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params,
    const ProtobufCMessageDescriptor *kind, struct om_arena *a, cd_fill_fn *fn, void *arg, om_err *e)
{
	struct fill fill = {.kind = kind, .a = a, .fn = fn, .arg = arg};

	return cd_db_query_named(db, sql, params, n_params, take_columns, take_row, &fill, e);
}

/* check_sql tells whether a statement was put together whole. */
static om_status
check_sql(const struct cd_sql *q, om_err *e)
{
	om_status s = om_buf_done(&q->text, e);

	return s == OM_OK && q->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}

om_status
cd_fill_sql(
    struct cd_db *db, struct cd_sql *q, const ProtobufCMessageDescriptor *kind, cd_fill_fn *fn, void *arg, om_err *e)
{
	om_status s = check_sql(q, e);

	return s == OM_OK ? cd_fill_query(db, q->text.data, q->v, q->n, kind, q->a, fn, arg, e) : s;
}

om_status
cd_fill_into(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params, ProtobufCMessage *message,
    struct om_arena *a, om_err *e)
{
	struct fill fill = {.kind = message->descriptor, .into = message, .a = a};

	return cd_db_query_named(db, sql, params, n_params, take_columns, take_row, &fill, e);
}

om_status
cd_fill_sql_into(struct cd_db *db, struct cd_sql *q, ProtobufCMessage *message, om_err *e)
{
	om_status s = check_sql(q, e);

	return s == OM_OK ? cd_fill_into(db, q->text.data, q->v, q->n, message, q->a, e) : s;
}
