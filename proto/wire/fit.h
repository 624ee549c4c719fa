/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fit.h - what fits into a record, judged alike by gateway and costd.
 *
 * Promise   Only a record without any key is refused.  Whatever else does not fit
 *           is repaired or left out, so that a minor field never loses the amount of
 *           its record.  A record that fits is not touched.
 * Rules     generation_id: no token of 128 characters becomes "long:" and its
 *           SHA-256 in hex; nothing but blanks is none.  turn_id, user.id, chat_id,
 *           message_id likewise where too long or with control characters; blanks and
 *           other alphabets are allowed in them.
 *           Texts: control characters are taken out.  Too long, a person's or a
 *           group's name is cut, since its beginning still tells people who it is;
 *           every other text is left out, since half of a model's name or of an
 *           address is another one.  Of too many groups the first 64 stay; of the
 *           inherited ones, those that are groups.
 *           A sender is a UUID, a number is from 1.
 *           Counts, amounts, times out of bounds: left out; a cost that is left
 *           out is looked up.  An unknown state is final beside usage, else open.
 *           No user is "unknown".
 *           A time before 2020 or more than five minutes after the receipt stays
 *           as it was sent and is noted: the ledger puts the earliest receipt in
 *           its place.
 * Notes     Say a field and a reason, never a value.
 * Threads   Pure functions.
 */
#ifndef OM_FIT_H
#define OM_FIT_H

#include "codec.h"
#include "record.pb-c.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/money.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum om_fit_field {
#define OM_FIT(id, name) OM_FIT_##id,
#include "fit.def"
#undef OM_FIT
	OM_N_FIT
} om_fit_field;

#define OM_FIT_LONG        "long:" /* how the hash of an id that does not fit begins */
#define OM_FIT_TOKENS_MAX  ((int64_t)1000000000)
#define OM_FIT_COST_MAX    "10000" /* USD; more is absurd */
#define OM_FIT_AHEAD       (300 * OM_SECOND)
#define OM_FIT_REQUEST_MAX 1000000
#define OM_FIT_GROUPS      64

/* Of one record: why each field is not as it was sent; NULL where it is as it was sent. */
struct om_fit {
	const char *why[OM_N_FIT]; /* static texts */
	bool changed;              /* the record says something else than its sender did */
};

const char *om_fit_name(om_fit_field f);

/* om_fit_note notes a reason, a static text; the first of a field stays. */
void om_fit_note(struct om_fit *notes, om_fit_field f, const char *why);

/* om_fit_any tells whether anything was noted. */
bool om_fit_any(const struct om_fit *notes);

/* om_fit_record makes the record fit.  OM_INVALID: it has no key.  notes may be NULL. */
om_status om_fit_record(Om__Record *r, struct om_arena *a, struct om_fit *notes, om_err *e) OM_MUST;

/* om_fit_user makes a user fit as the one of a record.  notes may be NULL.  OM_NOMEM is all that can go wrong. */
om_status om_fit_user(Om__User *u, struct om_arena *a, struct om_fit *notes) OM_MUST;

/* om_fit_long gives "long:" and the hash of n bytes; NULL without memory. */
char *om_fit_long(const char *id, size_t n, struct om_arena *a);

/* om_fit_cost tells whether an amount may be a cost. */
bool om_fit_cost(om_money m);

#endif
