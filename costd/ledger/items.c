/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "items.h"

#include "names/learn.h"
#include "value/record.h"
#include "base/invariant.h"

#include <stdlib.h>
#include <string.h>

om_status
cd_item_read(struct cd_item *it, struct om_arena *a, om_err *e)
{
	om_err why = {.text = ""};
	om_status s;

	s = om_msg_unpack(&om__record__descriptor, it->packed, it->n_packed, a, &it->rec, &why);
	if (s == OM_OK && !it->rec->has_received_us)
		s = om_fail(&why, OM_INVALID, "received_us: is missing");
	if (s == OM_OK)
		s = cd_record_fit(it->rec, a, &why);
	if (s == OM_OK)
		s = cd_record_content(it->rec, it->content, &why);
	if (s == OM_OK)
		s = cd_entry_hide(it->rec, a, &it->entry, &it->user, &why);
	if (s == OM_OK)
		s = cd_record_row(it->rec, a, &it->row, &why);
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		return OM_OK;
	it->refused = om_arena_strdup(a, om_err_text(&why, s));
	return it->refused != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
cd_item_read_delivered(struct cd_item *it, bool books, struct om_arena *a, om_err *e)
{
	om_status s = cd_item_read(it, a, e);

	if (s != OM_OK || books || it->refused != NULL)
		return s;
	if (cd_record_is_look_up(it->rec) || it->rec->has_not_found)
		it->refused = "cost_state: only costd looks up";
	else if (it->rec->has_decision || it->rec->has_alone)
		it->refused = "decision: only an operator decides";
	return s;
}

/* ---- names ---- */

static void
note_names(struct cd_learning *l, const struct cd_item *it)
{
	cd_learn_note_person(l, it->user->id, it->entry.handle);
	cd_learn_note(l, CD_GROUP_SET, it->entry.groups, strlen(it->entry.groups));
	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		const struct cd_cell *c = &it->row.cell[f];

		if (cd_fields[f].stored == CD_AS_WORD && c->rank != CD_RANK_NONE)
			cd_learn_note(l, CD_WORD, c->v.text.p, c->v.text.n);
	}
}

static om_status
learn_one(struct cd_pool *p, struct cd_item *it, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	struct cd_learning l;
	om_err why = {.text = ""};
	om_status s;

	cd_learn_init(&l, a);
	note_names(&l, it);
	s = cd_learn(p, &l, deadline_ms, &why);
	if (s != OM_STORE_DATA)
		return s == OM_OK ? s : om_fail(e, s, "%s", om_err_text(&why, s));
	it->refused = om_arena_strdup(a, why.text);
	return it->refused != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
cd_items_learn(struct cd_pool *p, struct cd_item *items, size_t n, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	struct cd_learning l;
	om_err why = {.text = ""};
	om_status s;

	cd_learn_init(&l, a);
	for (size_t i = 0; i < n; i++)
		if (items[i].refused == NULL)
			note_names(&l, &items[i]);
	s = cd_learn(p, &l, deadline_ms, &why);
	if (s != OM_STORE_DATA)
		return s == OM_OK ? s : om_fail(e, s, "%s", om_err_text(&why, s));
	s = OM_OK; /* one after the other, to find the one that is refused */
	for (size_t i = 0; s == OM_OK && i < n; i++)
		if (items[i].refused == NULL)
			s = learn_one(p, &items[i], deadline_ms, a, e);
	return s;
}

/* ---- order ---- */

static int
cmp_item(const void *pa, const void *pb)
{
	const struct cd_item *a = pa, *b = pb;
	int c;

	if ((a->refused != NULL) != (b->refused != NULL))
		return a->refused != NULL ? 1 : -1; /* the refused have no id to go by */
	c = a->refused != NULL ? 0 : memcmp(a->rec->record_id.data, b->rec->record_id.data, CD_RECORD_ID);
	if (c == 0 && a->refused == NULL) /* the earliest receipt of a record's copies counts */
		c = (a->rec->received_us > b->rec->received_us) - (a->rec->received_us < b->rec->received_us);
	return c != 0 ? c : (a->seq > b->seq) - (a->seq < b->seq);
}

static bool
is_copy(const struct cd_item *a, const struct cd_item *b)
{
	if (cd_record_has_sent(a->rec) && cd_record_has_sent(b->rec))
		return memcmp(a->rec->content.data, b->rec->content.data, OM_SHA256) == 0;
	return memcmp(a->content, b->content, OM_SHA256) == 0;
}

void
cd_items_sort(struct cd_item *items, size_t n)
{
	qsort(items, n, sizeof *items, cmp_item);
	for (size_t i = 0, j; i < n && items[i].refused == NULL; i = j) {
		om_check(items[i].rec != NULL);
		for (j = i + 1; j < n && items[j].refused == NULL; j++) {
			if (memcmp(items[i].rec->record_id.data, items[j].rec->record_id.data, CD_RECORD_ID) != 0)
				break;
			if (is_copy(&items[i], &items[j]))
				items[j].repeated = true;
			else
				items[j].refused = "another record of the batch has this record_id and other content";
		}
	}
}
