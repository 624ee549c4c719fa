/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "own.h"

#include "store/entry.h"
#include "value/record.h"
#include "record.pb-c.h"

struct scan {
	struct cd_text key;
	struct cd_history all, told;
	bool alone;
	struct om_arena *a;
};

static om_status
keep_record(void *arg, const struct cd_val *v, om_err *e)
{
	struct scan *scan = arg;
	Om__Record *r = NULL;
	struct cd_how how;
	struct cd_row row;
	om_status s = cd_entry_row(v, scan->a, &r, &how, &row, e);

	if (s != OM_OK || cd_text_cmp(row.key, scan->key) != 0) /* another row's, of the same hash */
		return s;
	scan->alone = scan->alone || (r->has_alone && r->alone);
	cd_history_add(&scan->all, &row, how.before);
	if (!cd_record_is_look_up(r))
		cd_history_add(&scan->told, &row, how.before);
	return OM_OK;
}

om_status
cd_own_read(struct cd_db *db, struct cd_text key, struct om_arena *a, struct cd_own *out, om_err *e)
{
	struct scan scan = {.key = key, .a = a};
	int64_t hash = 0;
	om_status s = cd_key_hash(key, &hash, e);

	cd_history_init(&scan.all, key);
	cd_history_init(&scan.told, key);
	if (s == OM_OK)
		s = cd_db_query(db, "SELECT " CD_ENTRY_COLUMNS " FROM record AS r WHERE r.key_hash=?",
		    (struct cd_val[]){CD_I(hash)}, 1, keep_record, &scan, e);
	cd_history_end(&scan.all);
	cd_history_end(&scan.told);
	*out = (struct cd_own){.all = scan.all.row, .told = scan.told.row, .alone = scan.alone};
	return s;
}

static struct cd_text
text_of(const struct cd_row *row, cd_field f)
{
	return row->cell[f].rank != CD_RANK_NONE ? row->cell[f].v.text : (struct cd_text){.n = 0};
}

static bool
has(const struct cd_row *row, cd_field f)
{
	return row->cell[f].rank != CD_RANK_NONE;
}

static bool
count_tokens(const struct cd_row *row, struct cd_side *out)
{
	if (!has(row, CD_F_PROMPT_TOKENS) || !has(row, CD_F_COMPLETION_TOKENS))
		return false;
	out->prompt = row->cell[CD_F_PROMPT_TOKENS].v.i;
	out->completion = row->cell[CD_F_COMPLETION_TOKENS].v.i;
	return true;
}

void
cd_own_side(const struct cd_own *own, struct cd_side *out)
{
	const struct cd_row *all = &own->all, *told = &own->told;
	const bool sum = cd_row_is_of_turn(all);

	*out = (struct cd_side){.key = all->key, .alone = own->alone, .of_turn = sum};
	if (all->cell[CD_F_USER_ID].rank > CD_RANK_DERIVED && (cd_row_disputed(all) & CD_DISPUTED_USER) == 0)
		out->user = all->cell[CD_F_USER_ID].v.text;
	out->model = text_of(all, has(all, CD_F_MODEL) ? CD_F_MODEL : CD_F_REQUESTED_MODEL);
	out->source = text_of(told, CD_F_SOURCE);
	out->platform = text_of(all, CD_F_PLATFORM);
	if (out->platform.n == 0 && !sum && cd_row_is_openrouters(all))
		out->platform = (struct cd_text){.p = CD_OPENROUTER, .n = sizeof CD_OPENROUTER - 1};
	out->turn = cd_turn_of(text_of(all, CD_F_TURN_ID));
	out->message = text_of(all, CD_F_MESSAGE_ID);
	out->at = (has(told, CD_F_STARTED_US) ? told : all)->cell[CD_F_STARTED_US].v.i;
	out->failed = has(told, CD_F_STATE) &&
	    (told->cell[CD_F_STATE].v.i == OM__STATE__STATE_ERROR ||
		told->cell[CD_F_STATE].v.i == OM__STATE__STATE_CANCELLED);
	out->has_request = has(all, CD_F_REQUEST);
	out->request = out->has_request ? all->cell[CD_F_REQUEST].v.i : 0;
	out->has_tokens = count_tokens(told, out) || count_tokens(all, out);
	out->has_usage =
	    all->cell[CD_F_COST].rank > CD_RANK_DERIVED || (out->has_tokens && out->prompt + out->completion > 0);
}

bool
cd_row_is_own(const struct cd_row *row)
{
	return !row->is_part && row->link == CD_LINK_NONE && row->cell[CD_F_COST].rank != CD_RANK_LOOKED_UP;
}

void
cd_row_side(const struct cd_row *row, struct cd_side *out)
{
	struct cd_own own = {.all = *row, .told = *row};

	cd_own_side(&own, out);
}
