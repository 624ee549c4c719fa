/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "entry.h"

#include "value/group_set.h"
#include "base/buf.h"
#include "base/invariant.h"
#include "wire/codec.h"

#include <string.h>

#define PACKED_BYTES ((size_t)2 * 1024 * 1024)

/* The columns of CD_ENTRY_COLUMNS. */
enum { V_ID, V_PAYLOAD, V_RECEIVED, V_RULES, V_KIND, V_CONTENT, V_USER, V_GROUPS };

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* pack packs what has no column of its own. */
static om_status
pack(const Om__Record *r, struct om_arena *a, struct cd_entry *out, om_err *e)
{
	Om__Record rest = *r;
	struct om_buf b;
	char *copy;
	om_status s;

	rest.user = NULL;
	rest.record_id = (ProtobufCBinaryData){.len = 0};
	rest.has_record_id = rest.has_received_us = rest.has_content = 0;
	rest.received_us = 0;
	om_buf_init(&b, PACKED_BYTES);
	om_msg_pack(&rest.base, &b);
	s = om_buf_done(&b, e);
	copy = s == OM_OK ? om_arena_alloc(a, b.len + 1) : NULL;
	if (s == OM_OK && copy == NULL)
		s = no_memory(e);
	if (s == OM_OK && b.len > 0)
		memcpy(copy, b.data, b.len);
	out->packed = copy;
	out->n_packed = b.len;
	om_buf_fini(&b);
	return s;
}

om_status
cd_entry_hide(Om__Record *r, struct om_arena *a, struct cd_entry *out, const Om__User **user_out, om_err *e)
{
	const Om__User *user = r->user;
	Om__User *hidden = om_msg_new(a, &om__user__descriptor);
	om_status s;

	memset(out, 0, sizeof *out);
	if (hidden == NULL)
		return no_memory(e);
	s = cd_handle(user->id, strlen(user->id), out->handle, e);
	if (s != OM_OK)
		return s;
	hidden->id = om_arena_strdup(a, out->handle);
	hidden->n_groups = user->n_groups;
	hidden->groups = user->groups;
	out->groups = cd_group_set_text(user->groups, user->n_groups, a);
	if (hidden->id == NULL || out->groups == NULL)
		return no_memory(e);
	*user_out = user;
	r->user = hidden;
	return pack(r, a, out, e);
}

/* restore_user gives the record the user that its columns stand for. */
static om_status
restore_user(const struct cd_val *v, struct om_arena *a, Om__Record *r, om_err *e)
{
	Om__User *user = om_msg_new(a, &om__user__descriptor);

	if (v[V_USER].kind != CD_TEXT)
		return om_fail(e, OM_DAMAGED, "journal: a record's person is not there");
	if (user == NULL || (user->id = om_arena_strndup(a, v[V_USER].p, v[V_USER].n)) == NULL)
		return no_memory(e);
	r->user = user;
	return v[V_GROUPS].kind == CD_TEXT
	    ? cd_group_set_read(v[V_GROUPS].p, v[V_GROUPS].n, &user->groups, &user->n_groups, a, e)
	    : OM_OK;
}

static om_status
restore(const struct cd_val *v, struct om_arena *a, Om__Record *r, om_err *e)
{
	unsigned char *id = om_arena_alloc(a, CD_RECORD_ID), *content = om_arena_alloc(a, OM_SHA256);

	if (v[V_ID].n != CD_RECORD_ID || v[V_CONTENT].n != OM_SHA256)
		return om_fail(e, OM_DAMAGED, "journal: a malformed entry");
	if (id == NULL || content == NULL)
		return no_memory(e);
	memcpy(id, v[V_ID].p, CD_RECORD_ID);
	memcpy(content, v[V_CONTENT].p, OM_SHA256);
	r->has_record_id = true;
	r->record_id = (ProtobufCBinaryData){.len = CD_RECORD_ID, .data = id};
	r->has_received_us = true;
	r->received_us = v[V_RECEIVED].i;
	r->has_content = v[V_KIND].i != 0;
	r->content = (ProtobufCBinaryData){.len = r->has_content ? OM_SHA256 : 0, .data = content};
	return restore_user(v, a, r, e);
}

om_status
cd_entry_read(const struct cd_val *v, struct om_arena *a, Om__Record **out, struct cd_how *how_out, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = om_msg_unpack(&om__record__descriptor, v[V_PAYLOAD].p, v[V_PAYLOAD].n, a, out, &why);

	if (s == OM_OK)
		s = restore(v, a, *out, &why);
	if (s == OM_OK)
		s = cd_record_fit(*out, a, &why);
	*how_out = (struct cd_how){
	    .before = (v[V_RULES].i & CD_RULES_OF_NOW) == 0, .nobody = (v[V_RULES].i & CD_RULES_NOBODY) != 0};
	return s == OM_OK ? s : om_fail(e, s, "journal: %.200s", why.text);
}

om_status
cd_entry_row(const struct cd_val *v, struct om_arena *a, Om__Record **rec_out, struct cd_how *how_out,
    struct cd_row *out, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = cd_entry_read(v, a, rec_out, how_out, e);

	if (s != OM_OK)
		return s;
	s = cd_record_row_as(*rec_out, *how_out, a, out, &why);
	return s == OM_OK ? s : om_fail(e, s, "journal: %.200s", why.text);
}

om_status
cd_key_hash(struct cd_text key, int64_t *out, om_err *e)
{
	unsigned char sum[OM_SHA256];
	uint64_t h = 0;

	if (om_sha256(&(struct om_bytes){.data = key.p, .n = key.n}, 1, sum) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	for (unsigned i = 0; i < sizeof h; i++)
		h = h << 8 | sum[i];
	memcpy(out, &h, sizeof h);
	return OM_OK;
}
