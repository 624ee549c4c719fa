/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * learn.h - new names, which are given their numbers before the transaction that uses them.
 *
 * Why       Two batches that bring the same new names would wait for each other, and one of them
 *           be rolled back, if each gave numbers inside its long transaction.
 * Use       cd_learn_init, cd_learn_note for each text, cd_learn.
 * Owner     Texts are borrowed until cd_learn returned.
 */
#ifndef CD_LEARN_H
#define CD_LEARN_H

#include "names.h"

struct cd_learned;

struct cd_learning {
	struct om_arena *a; /* borrowed */
	struct cd_learned *list;
	size_t n, cap;
};

void cd_learn_init(struct cd_learning *l, struct om_arena *a);

/* cd_learn_note wants a number for a word or a set; cd_learn_note_person for the person with
 * this id.  Nothing is noted for what is known already, and for an empty text.  When memory runs
 * out, the arena says so. */
void cd_learn_note(struct cd_learning *l, cd_name kind, const char *text, size_t n);
void cd_learn_note_person(struct cd_learning *l, const char *id, const char *handle);

/* cd_learn gives numbers to what was noted, in a transaction of its own.  OM_STORE_DATA: the
 * database refuses one of the texts. */
om_status cd_learn(struct cd_pool *p, struct cd_learning *l, int64_t deadline_ms, om_err *e) OM_MUST;

/* cd_learn_within does it in the caller's transaction; when that is not committed, the caller calls
 * cd_names_forget. */
om_status cd_learn_within(struct cd_db *db, struct cd_learning *l, om_err *e) OM_MUST;

#endif
