/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * links.h - the rows that one batch works on, and how they are paired.
 *
 * A member is one row of the ledger.  The set holds those of a batch, and those that
 * pairing had to look at; the tables `turn` and `link` keep what pairing needs
 * and what it found.
 *
 * Owner     Everything lives in the arena.
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_LINKS_H
#define CD_LINKS_H

#include "own.h"
#include "store/store.h"

struct cd_link_row;

struct cd_member {
	struct cd_text key;
	struct cd_stored *old; /* as it is stored; NULL: it is not, or it was not loaded */
	struct cd_row row;     /* as it is to be stored */
	unsigned lane;         /* of its look-up, if it came */
	bool came;             /* the batch has records of it */
	bool at_work;          /* old and row are loaded, and locked */
	bool refresh;          /* row is to be made again from the journal */

	bool has_side;
	struct cd_side side;
	bool seed;    /* its side is new, or changed, or what it was paired with did */
	bool decided; /* its lines are decided again */
	struct cd_own *own;

	bool parts_loaded, targets_loaded; /* the lines of link */
	struct cd_link_row *targets;       /* what it is part of */
	struct cd_link_row *parts;         /* what is part of it */
	struct cd_member *next;            /* of the same hash */
};

/* "part is part of target". */
struct cd_link_row {
	struct cd_member *part, *target;
	cd_link stored, wanted;
	struct cd_link_row *next_target; /* of the part */
	struct cd_link_row *next_part;   /* of the target */
};

struct cd_pairs {
	struct om_arena *a;
	struct cd_db *db;
	bool lock;   /* rows that pairing goes by are locked: what is found is written */
	bool look;   /* nothing is written */
	bool dry;    /* no row is written, and the transaction is not kept */
	int upgrade; /* 1: links are of rows that were there before */
	struct cd_member **all;
	size_t n, cap;
	struct cd_member *slots[1024];
};

void cd_pairs_init(struct cd_pairs *c, struct cd_db *db, struct om_arena *a);

/* cd_pairs_get finds a member or adds it; the key is copied.  NULL: the arena is full. */
struct cd_member *cd_pairs_get(struct cd_pairs *c, struct cd_text key);

/* cd_pairs_side makes sure that a member has its side, from its row or the journal. */
om_status cd_pairs_side(struct cd_pairs *c, struct cd_member *k, om_err *e) OM_MUST;
/* cd_pairs_own reads what the journal says of a member, once. */
om_status cd_pairs_own(struct cd_pairs *c, struct cd_member *k, om_err *e) OM_MUST;

/* cd_link_want notes that the line from part to target is to be of this kind, or, with
 * CD_LINK_NONE, that there is to be none; cd_links_write stores it. */
om_status cd_link_want(
    struct cd_pairs *c, struct cd_member *part, struct cd_member *target, cd_link kind, om_err *e) OM_MUST;

/* cd_links_drop notes that a part is to have no line of this kind or a weaker one. */
void cd_links_drop(struct cd_member *part, cd_link least);
/* cd_link_up gives a wanted line of a part of at least this kind; NULL when there is none. */
struct cd_link_row *cd_link_up(const struct cd_member *part, cd_link least);

/* cd_pairs_query_in carries out "<head> IN (...) <tail>" for n values, some at a time. */
om_status cd_pairs_query_in(struct cd_pairs *c, const char *head, const char *tail, const struct cd_val *keys, size_t n,
    cd_row_fn *fn, void *arg, om_err *e) OM_MUST;
/* cd_turns_in and cd_generations_in load the sides whose column has one of these values. */
om_status cd_turns_in(struct cd_pairs *c, const char *column, const struct cd_val *v, size_t n, om_err *e) OM_MUST;
om_status cd_generations_in(
    struct cd_pairs *c, const char *column, const struct cd_val *v, size_t n, om_err *e) OM_MUST;

/* Loading.  A condition is what follows WHERE in SQL, with its values. */
om_status cd_turns_load(struct cd_pairs *c, const char *where, const struct cd_val *v, size_t n, om_err *e) OM_MUST;
om_status cd_generations_load(
    struct cd_pairs *c, const char *where, const struct cd_val *v, size_t n, om_err *e) OM_MUST;
/* cd_links_load loads what the members are part of, or what is part of them. */
om_status cd_links_load(struct cd_pairs *c, struct cd_member *const *members, size_t n, bool parts, om_err *e) OM_MUST;

/* cd_turns_note writes the sides that may be part of others, and takes off those
 * that may not any more. */
om_status cd_turns_note(struct cd_pairs *c, struct cd_member *const *members, size_t n, om_err *e) OM_MUST;

/* cd_links_write stores the lines that changed and gives them. */
om_status cd_links_write(struct cd_pairs *c, struct cd_link_row ***changed_out, size_t *n_out, om_err *e) OM_MUST;

/* Whether a side may be part of another row. */
bool cd_side_may_be_part(const struct cd_side *s);
bool cd_side_is_same(const struct cd_side *a, const struct cd_side *b);

#endif
