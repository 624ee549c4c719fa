/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "message_in.h"

#include "names.h"
#include "envelope.pb-c.h"
#include "base/day.h"
#include "base/digest.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define KEY_BYTES 64

/* ---- the exceptions ---- */

enum kind { PLAIN, RENAMED, LEFT_OUT, RAW, UUID, INLINE, NEEDED, OWN, ADDED, CONSTANT };

struct exception {
	const char *message;
	size_t bytes;  /* of the message, for a quick look */
	size_t offset; /* of the field; of a member that is no field: NO_FIELD */
	const char *key;
	const char *text;
	gw_own_writer *writer;
	enum kind kind;
};

#define NO_FIELD SIZE_MAX

/* Those of one message stand together. */
static const struct exception exceptions[] = {
#define OF(message_)                       .message = #message_, .bytes = sizeof(Om__##message_)
#define AT(message_, field_)               OF(message_), .offset = offsetof(Om__##message_, field_)
#define GW_RENAMED(message_, field_, key_) {AT(message_, field_), .kind = RENAMED, .key = (key_)},
#define GW_LEFT_OUT(message_, field_)      {AT(message_, field_), .kind = LEFT_OUT},
#define GW_RAW(message_, field_)           {AT(message_, field_), .kind = RAW},
#define GW_UUID(message_, field_)          {AT(message_, field_), .kind = UUID},
#define GW_INLINE(message_, field_)        {AT(message_, field_), .kind = INLINE},
#define GW_NEEDED(message_, field_)        {AT(message_, field_), .kind = NEEDED},
#define GW_OWN(message_, field_, writer_)  {AT(message_, field_), .kind = OWN, .writer = (writer_)},
#define GW_ADDED(message_, writer_)        {OF(message_), .offset = NO_FIELD, .kind = ADDED, .writer = (writer_)},
#define GW_CONSTANT(message_, key_, text_) \
	{OF(message_), .offset = NO_FIELD, .key = (key_), .text = (text_), .kind = CONSTANT},
#include "answer.def"
#undef AT
#undef OF
};

/* What is different in one message. */
struct rules {
	const struct exception *first;
	size_t n;
};

/* is_of compares sizes first: a reply has thousands of messages, and few are of the size. */
static bool
is_of(const struct exception *x, const ProtobufCMessageDescriptor *d)
{
	return x->bytes == d->sizeof_message && strcmp(x->message, d->short_name) == 0;
}

static struct rules
rules_of(const ProtobufCMessageDescriptor *d)
{
	const size_t n = sizeof exceptions / sizeof exceptions[0];
	struct rules r = {.n = 0};
	size_t i = 0;

	while (i < n && !is_of(&exceptions[i], d))
		i++;
	r.first = &exceptions[i < n ? i : 0];
	while (i + r.n < n && is_of(&exceptions[i + r.n], d))
		r.n++;
	return r;
}

static const struct exception *
rule_of(const struct rules *r, const ProtobufCFieldDescriptor *f)
{
	static const struct exception plain = {.kind = PLAIN};

	for (size_t i = 0; i < r->n; i++)
		if (r->first[i].offset == f->offset)
			return &r->first[i];
	return &plain;
}

/* ---- one field ---- */

static bool
ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n > s && strcmp(name + n - s, suffix) == 0;
}

static bool
is_instant(const ProtobufCFieldDescriptor *f)
{
	return f->type == PROTOBUF_C_TYPE_INT64 && ends_in(f->name, "_us");
}

static bool
is_day(const ProtobufCFieldDescriptor *f)
{
	return f->type == PROTOBUF_C_TYPE_INT32 && ends_in(f->name, "_day");
}

static const char *
key_of(const ProtobufCFieldDescriptor *f, const struct exception *rule, char buf[KEY_BYTES])
{
	size_t n = strlen(f->name);

	if (rule->kind == RENAMED)
		return rule->key;
	if (is_instant(f))
		(void)snprintf(buf, KEY_BYTES, "%.*s_at", (int)(n - strlen("_us")), f->name);
	else if (is_day(f))
		(void)snprintf(buf, KEY_BYTES, "%.*s", (int)(n - strlen("_day")), f->name);
	else
		return f->name;
	return buf;
}

static uint32_t
read_u32(const void *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof v);
	return v;
}

static uint64_t
read_u64(const void *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof v);
	return v;
}

static const void *
read_pointer(const void *at)
{
	const void *p;

	memcpy(&p, at, sizeof p);
	return p;
}

static void
write_count(struct om_jw *w, uint64_t v)
{
	om_jw_int(w, (int64_t)(v <= INT64_MAX ? v : INT64_MAX));
}

static void
write_enum(struct om_jw *w, const ProtobufCEnumDescriptor *d, int value)
{
	char buf[GW_NAME];
	const char *name = gw_enum_name(d, value, buf);

	om_jw_text(w, strcmp(name, "none") == 0 ? NULL : name);
}

static void
write_bytes(struct om_jw *w, const ProtobufCBinaryData *b, const struct exception *rule)
{
	char text[2 * 64 + 1] = "";

	if (rule->kind == UUID && b->len != 16) {
		om_jw_null(w);
		return;
	}
	if (rule->kind == UUID)
		om_uuid_text(b->data, text);
	else if (b->len <= 64)
		om_hex(b->data, b->len, text);
	om_jw_text(w, text);
}

/* write_raw: no text is an empty object. */
static void
write_raw(struct om_jw *w, const char *json)
{
	om_jw_raw(w, json != NULL && json[0] != '\0' ? json : "{}");
}

/* write_value writes one value of the field; `at` is where it stands. */
static void
write_value(struct om_jw *w, const ProtobufCFieldDescriptor *f, const void *at, const struct exception *rule)
{
	char day[OM_DAY_TEXT];

	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		if (is_instant(f))
			om_jw_time(w, (int64_t)read_u64(at));
		else
			om_jw_int(w, (int64_t)read_u64(at));
		return;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		if (is_day(f))
			om_jw_text(w, om_day_text((int32_t)read_u32(at), day));
		else
			om_jw_int(w, (int32_t)read_u32(at));
		return;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		write_count(w, read_u32(at));
		return;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		write_count(w, read_u64(at));
		return;
	case PROTOBUF_C_TYPE_BOOL:
		om_jw_bool(w, read_u32(at) != 0);
		return;
	case PROTOBUF_C_TYPE_ENUM:
		write_enum(w, f->descriptor, (int)read_u32(at));
		return;
	case PROTOBUF_C_TYPE_STRING:
		if (rule->kind == RAW)
			write_raw(w, read_pointer(at));
		else
			om_jw_text(w, read_pointer(at));
		return;
	case PROTOBUF_C_TYPE_BYTES:
		write_bytes(w, at, rule);
		return;
	case PROTOBUF_C_TYPE_MESSAGE:
		gw_answer_message(w, read_pointer(at));
		return;
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		break;
	}
	om_check(f->type < PROTOBUF_C_TYPE_FLOAT || f->type > PROTOBUF_C_TYPE_DOUBLE); /* no amount is binary */
}

/* is_absent tells of a field that is not repeated whether it was not set and has no default. */
static bool
is_absent(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *base = (const char *)m;

	if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING)
		return read_pointer(base + f->offset) == NULL;
	return f->label == PROTOBUF_C_LABEL_OPTIONAL && f->default_value == NULL &&
	    read_u32(base + f->quantifier_offset) == 0;
}

/* ---- lists ---- */

static size_t
item_bytes(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return sizeof(uint64_t);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_FLOAT:
		break;
	}
	return sizeof(uint32_t);
}

/* pair_of gives the fields `key` and `value` of a message that has these texts alone. */
static bool
pair_of(const ProtobufCFieldDescriptor *f, const ProtobufCFieldDescriptor **key, const ProtobufCFieldDescriptor **value)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;

	if (f->type != PROTOBUF_C_TYPE_MESSAGE || d->n_fields != 2)
		return false;
	*key = protobuf_c_message_descriptor_get_field_by_name(d, "key");
	*value = protobuf_c_message_descriptor_get_field_by_name(d, "value");
	return *key != NULL && *value != NULL && (*key)->type == PROTOBUF_C_TYPE_STRING &&
	    (*value)->type == PROTOBUF_C_TYPE_STRING;
}

static void
write_list(struct om_jw *w, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, const struct exception *rule)
{
	const char *items = read_pointer((const char *)m + f->offset);
	const ProtobufCFieldDescriptor *key = NULL, *value = NULL;
	bool pairs = pair_of(f, &key, &value);
	size_t n, bytes = item_bytes(f);

	memcpy(&n, (const char *)m + f->quantifier_offset, sizeof n);
	om_check(n == 0 || items != NULL);
	om_jw_open(w, pairs ? '{' : '[');
	for (size_t i = 0; i < n; i++) {
		const char *pair = pairs ? read_pointer(items + i * bytes) : NULL;

		if (pair != NULL) {
			om_jw_key(w, read_pointer(pair + key->offset));
			om_jw_text(w, read_pointer(pair + value->offset));
		} else {
			write_value(w, f, items + i * bytes, rule);
		}
	}
	om_jw_close(w, pairs ? '}' : ']');
}

/* ---- messages ---- */

/* fail: a peer's reply lacks what each of its kind has. */
static void
fail(struct om_jw *w, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	om_log(OM_LOG_WARN, "a reply lacks a member", "message", m->descriptor->short_name, "member", f->name, NULL);
	om_buf_fail(w->out, OM_UNAVAILABLE);
}

static void
write_field(struct om_jw *w, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, const struct exception *rule)
{
	const char *at = (const char *)m + f->offset;
	char key[KEY_BYTES];

	if (rule->kind == LEFT_OUT)
		return;
	if (rule->kind == OWN) {
		rule->writer(w, m);
		return;
	}
	if ((rule->kind == INLINE || rule->kind == NEEDED) && read_pointer(at) == NULL) {
		fail(w, m, f);
		return;
	}
	if (rule->kind == INLINE) {
		gw_answer_members(w, read_pointer(at));
		return;
	}
	om_jw_key(w, key_of(f, rule, key));
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		write_list(w, m, f, rule);
	else if (is_absent(m, f))
		om_jw_null(w);
	else
		write_value(w, f, at, rule);
}

/* write_added writes a member that is no field, if the rule is about one. */
static void
write_added(struct om_jw *w, const ProtobufCMessage *m, const struct exception *rule)
{
	if (rule->kind == ADDED) {
		rule->writer(w, m);
	} else if (rule->kind == CONSTANT) {
		om_jw_key(w, rule->key);
		om_jw_text(w, rule->text);
	}
}

void
gw_answer_members(struct om_jw *w, const ProtobufCMessage *m)
{
	struct rules r = rules_of(m->descriptor);

	for (unsigned i = 0; i < m->descriptor->n_fields; i++)
		write_field(w, m, &m->descriptor->fields[i], rule_of(&r, &m->descriptor->fields[i]));
	for (size_t i = 0; i < r.n; i++)
		write_added(w, m, &r.first[i]);
}

/* next_field gives the field that is named first and moves on, NULL at the end. */
static const ProtobufCFieldDescriptor *
next_field(const ProtobufCMessageDescriptor *d, const char **fields)
{
	const ProtobufCFieldDescriptor *f;
	size_t n = strcspn(*fields, " ");
	char name[KEY_BYTES];

	if (**fields == '\0')
		return NULL;
	om_check(n < sizeof name && (*fields)[n] == ' ');
	memcpy(name, *fields, n);
	name[n] = '\0';
	*fields += n + 1;
	f = protobuf_c_message_descriptor_get_field_by_name(d, name);
	om_check(f != NULL);
	return f;
}

void
gw_answer_some(struct om_jw *w, const ProtobufCMessage *m, const char *fields)
{
	struct rules r = rules_of(m->descriptor);
	const ProtobufCFieldDescriptor *f;

	while ((f = next_field(m->descriptor, &fields)) != NULL)
		write_field(w, m, f, rule_of(&r, f));
}

void
gw_answer_list(struct om_jw *w, const ProtobufCMessage *m, const char *list, const char *fields)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, list);
	const char *items;
	size_t n;

	om_check(f != NULL && f->label == PROTOBUF_C_LABEL_REPEATED && f->type == PROTOBUF_C_TYPE_MESSAGE);
	items = read_pointer((const char *)m + f->offset);
	memcpy(&n, (const char *)m + f->quantifier_offset, sizeof n);
	om_jw_key(w, f->name);
	om_jw_open(w, '[');
	for (size_t i = 0; i < n; i++) {
		om_jw_open(w, '{');
		gw_answer_some(w, read_pointer(items + i * sizeof(void *)), fields);
		om_jw_close(w, '}');
	}
	om_jw_close(w, ']');
}

void
gw_answer_nulls(struct om_jw *w, const ProtobufCMessageDescriptor *d, const char *fields)
{
	struct rules r = rules_of(d);
	const ProtobufCFieldDescriptor *f;
	char key[KEY_BYTES];

	while ((f = next_field(d, &fields)) != NULL) {
		om_jw_key(w, key_of(f, rule_of(&r, f), key));
		om_jw_null(w);
	}
}

void
gw_answer_message(struct om_jw *w, const ProtobufCMessage *m)
{
	om_jw_open(w, '{');
	gw_answer_members(w, m);
	om_jw_close(w, '}');
}
