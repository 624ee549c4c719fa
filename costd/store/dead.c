/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "dead.h"

#include "base/invariant.h"
#include "base/text.h"

#include <string.h>

#define N_LETTER     6u
#define REASON_CHARS 512u
#define LETTER_BYTES ((size_t)4 * 1024 * 1024) /* more than any gateway accepts; what is beyond is cut */

/* clean_reason makes a text that the column takes. */
static const char *
clean_reason(const char *text, struct om_arena *a)
{
	size_t n = strlen(text);
	char *copy;

	if (n > REASON_CHARS)
		n = REASON_CHARS;
	copy = om_arena_strndup(a, text, n);
	if (copy != NULL && !om_utf8_valid(copy, n))
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)copy[i] >= 0x80)
				copy[i] = '?';
	return copy;
}

static om_status
put_letter(struct cd_val *p, const unsigned char *spool_id, const struct cd_item *it, const char *why,
    struct om_arena *a, om_err *e)
{
	const struct om_bytes record = {it->packed, it->n_packed < LETTER_BYTES ? it->n_packed : LETTER_BYTES};
	unsigned char *content = om_arena_alloc(a, OM_SHA256);

	om_check(why != NULL);
	if (content == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	p[0] = CD_B(spool_id, 16);
	p[1] = CD_I((int64_t)it->seq);
	p[2] = CD_B(content, OM_SHA256);
	p[3] = CD_I(om_now());
	p[4] = cd_t(clean_reason(why, a));
	p[5] = CD_B(record.data, record.n);
	return om_sha256(&record, 1, content) == OM_OK ? OM_OK : om_fail(e, OM_INTERNAL, "SHA-256 failed");
}

om_status
cd_dead_bury(struct cd_db *db, const unsigned char *spool_id, const struct cd_item *items, size_t n, struct om_arena *a,
    om_err *e)
{
	static const char sql[] =
	    "INSERT INTO dead_letter (spool_id,seq,content,at_us,reason,record) VALUES (?,?,?,?,?,?) "
	    "ON DUPLICATE KEY UPDATE seq=dead_letter.seq";
	struct cd_val *v = om_arena_array(a, n * N_LETTER + 1, sizeof *v);
	size_t n_refused = 0;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n && v != NULL; i++) {
		const char *why = items[i].refused != NULL ? items[i].refused : items[i].refused_now;

		if (why != NULL)
			s = put_letter(v + N_LETTER * n_refused++, spool_id, &items[i], why, a, e);
	}
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s != OM_OK || n_refused == 0 ? s : cd_db_exec(db, sql, v, N_LETTER, n_refused, NULL, e);
}

#define THE_LETTER    "WHERE spool_id=? AND seq=? AND content=?"
#define KEY_VALUES(k) CD_B((k)->spool_id, 16), CD_I((int64_t)(k)->seq), CD_B((k)->content, OM_SHA256)

struct letter {
	struct om_arena *a;
	const char **out;
	size_t *n_out;
};

static om_status
keep_letter(void *arg, const struct cd_val *v, om_err *e)
{
	struct letter *l = arg;

	char *copy = om_arena_alloc(l->a, v[0].n + 1); /* the record is bytes, zeros among them */

	if (copy == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	memcpy(copy, v[0].p, v[0].n);
	*l->out = copy;
	*l->n_out = v[0].n;
	return OM_OK;
}

om_status
cd_dead_lock(
    struct cd_db *db, const struct cd_letter_key *key, struct om_arena *a, const char **out, size_t *n_out, om_err *e)
{
	struct letter l = {.a = a, .out = out, .n_out = n_out};

	*out = NULL;
	*n_out = 0;
	return cd_db_query(db, "SELECT record FROM dead_letter " THE_LETTER " FOR UPDATE",
	    (struct cd_val[]){KEY_VALUES(key)}, 3, keep_letter, &l, e);
}

om_status
cd_dead_release(struct cd_db *db, const struct cd_letter_key *key, const char *reason, struct om_arena *a, om_err *e)
{
	struct cd_val v[] = {CD_NONE, CD_I(om_now()), KEY_VALUES(key)};

	if (reason == NULL)
		return cd_db_exec(db, "DELETE FROM dead_letter " THE_LETTER, v + 2, 3, 1, NULL, e);
	v[0] = cd_t(clean_reason(reason, a));
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return cd_db_exec(db, "UPDATE dead_letter SET reason=?,at_us=? " THE_LETTER, v, 5, 1, NULL, e);
}
