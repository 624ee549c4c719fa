/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * join.h - a ledger row and the join that makes it out of records.
 *
 * Promise   cd_join is commutative, associative and idempotent, for every
 *           field: rows joined in any order, any grouping and any number of
 *           repetitions give the same row.
 *           Why: per field it takes the maximum of (rank, value) in a fixed
 *           total order; nothing looks at another field or at a clock.  The user
 *           and the start follow from what was joined.
 * Disputes  Of cost, tokens, user and start a row keeps the least and the greatest
 *           claim of the highest rank.  While they differ, and senders alone have
 *           spoken, cost and tokens count the least, the user is "unknown", and
 *           the start is the latest.  Whether the key's owner pays upstream
 *           (is_byok) is in dispute with the cost.
 * Owner     Texts are borrowed.
 * Threads   Pure functions.
 */
#ifndef CD_JOIN_H
#define CD_JOIN_H

#include "base/money.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cd_field {
#define CD_FIELD(name, column, kind, tie, take, stored, like) CD_F_##name,
#include "join.def"
#undef CD_FIELD
	CD_N_FIELDS,
	CD_F_NONE = CD_N_FIELDS
} cd_field;

typedef enum cd_kind { CD_KIND_TEXT, CD_KIND_INT, CD_KIND_MONEY } cd_kind;
/* What a column holds: the value, or the number of a text. */
typedef enum cd_as { CD_AS_SAME, CD_AS_WORD, CD_AS_GROUP_SET, CD_AS_PERSON } cd_as;
typedef enum cd_tie { CD_TIE_MAX, CD_TIE_MIN, CD_TIE_CLAIM, CD_TIE_COUNT } cd_tie;

struct cd_field_info {
	const char *column;
	cd_kind kind;
	cd_tie tie;
	cd_as stored;
	cd_field like; /* the column is null where the value is this field's; CD_F_NONE */
};

extern const struct cd_field_info cd_fields[CD_N_FIELDS];

/* Who said a value, in rising weight; stored, so never renumbered.  The
 * gaps are for paths to come. */
enum {
	CD_RANK_NONE = 0,       /* no value; the value members are zero */
	CD_RANK_DERIVED = 5,    /* put in place of something missing */
	CD_RANK_PAIRED = 7,     /* of a row that is part of this one */
	CD_RANK_FILL = 10,      /* counts until another record says it */
	CD_RANK_BOOKED = 20,    /* the provider's books, for fields where what a sender saw is more reliable */
	CD_RANK_OPENED = 22,    /* a cost of a generation whose end was not seen */
	CD_RANK_IMPORTED = 25,  /* of an import */
	CD_RANK_REPORTED = 30,  /* of a sender that saw the generation happen */
	CD_RANK_LOOKED_UP = 40, /* the provider's books, for fields where they are the most reliable */
	CD_RANK_OPERATOR = 60,  /* an operator's first decision; each further one ranks one higher */
	CD_RANK_MOST = 249      /* above it is room for the provider's bill */
};
#define CD_DECISIONS_MAX ((uint32_t)(CD_RANK_MOST - CD_RANK_OPERATOR) + 1)

/* What of a row is in dispute; stored, so never renumbered. */
enum { CD_DISPUTED_COST = 1, CD_DISPUTED_USER = 2, CD_DISPUTED_START = 4, CD_DISPUTED_TOKENS = 8 };
#define CD_DISPUTED_APART_US ((int64_t)900 * 1000000) /* starts that differ by no more are one */

struct cd_text {
	const char *p;
	size_t n;
};

struct cd_cell {
	uint8_t rank;
	union {
		int64_t i;
		om_money money;
		struct cd_text text;
	} v;
};

struct cd_row {
	struct cd_text key;
	/* Not of the join, but of pairing (pair.h): */
	bool is_part; /* of another row's request; the cells hold what is left to count */
	uint8_t link; /* cd_link: how it is paired, for the rows at both ends; 0: it is not */
	struct cd_cell cell[CD_N_FIELDS];
};

/* cd_text_cmp orders by bytes, as the database does. */
int cd_text_cmp(struct cd_text a, struct cd_text b);

/* cd_cell_cmp orders two cells of a field: negative when b wins. */
int cd_cell_cmp(cd_field f, const struct cd_cell *a, const struct cd_cell *b);

/* cd_cell_same tells whether two cells of a kind have one value, whoever said it. */
bool cd_cell_same(cd_kind kind, const struct cd_cell *a, const struct cd_cell *b);

/* cd_row_follow makes user and start again out of the claims, which changed. */
void cd_row_follow(struct cd_row *row);

/* cd_row_of_before gives a row that a program before step 17 stored, or that cd_join_before made, its claims:
 * what it has is the one claim. */
void cd_row_of_before(struct cd_row *row);

/* cd_join_before joins as those programs did: of equal claims the greatest won. */
void cd_join_before(struct cd_row *into, const struct cd_row *other);

/* What the entries of one key amount to: those of older programs are joined by themselves, and are one claim. */
struct cd_history {
	struct cd_row row; /* cd_history_end makes it whole */
	struct cd_row before;
	bool any_before;
};

void cd_history_init(struct cd_history *h, struct cd_text key);
void cd_history_add(struct cd_history *h, const struct cd_row *entry, bool before);
void cd_history_end(struct cd_history *h);

/* cd_row_disputed says what of a row is in dispute: CD_DISPUTED_… */
unsigned cd_row_disputed(const struct cd_row *row);

/* cd_row_disputed_cost is the greatest less the least claim of a cost in dispute, else zero. */
om_money cd_row_disputed_cost(const struct cd_row *row);

/* cd_join makes *into the join of both and says whether that changed it. */
bool cd_join(struct cd_row *into, const struct cd_row *other);

#endif
