/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pair.h - which rows are one call, told by what their records say.
 *
 * A request can leave two rows: one of the generation's id, and one of the turn,
 * from a path that does not learn the id.  A turn's row is then part of the
 * generation's.
 *
 * Tags      A turn, message or request number that both name.  Untrusted: they
 *           tie rows of the same user only.
 * Match     Where no tag ties them: the same tokens, one for one, both sides in
 *           the order of (time, key), at most CD_NEAR_US apart; rows of the same
 *           user first, then those where one side's user is not known.  Rows
 *           without tokens come last: the same user, the same model, in the same
 *           order; not a generation that failed or was stopped, which leaves no
 *           record of an answer.  Nothing that both name may differ: model, platform, message,
 *           turn (but an older filter's, whose turn is a name of its own) and
 *           request number; nor are two requests of one turn that the plugin
 *           streamed one call.
 * Sums      A record of a turn without a request number is the sum of the turn,
 *           unless the plugin streamed it: then it is one request without an id.
 * Promise   The result is a function of the set of sides, whatever the order in
 *           which they became known.
 * Threads   Pure functions.
 */
#ifndef CD_PAIR_H
#define CD_PAIR_H

#include "value/join.h"
#include "base/clock.h"

/* How two rows were found to be one call; stored, so never renumbered. */
typedef enum cd_link {
	CD_LINK_NONE = 0,
	CD_LINK_TAG = 1,     /* a turn, message or request number says so */
	CD_LINK_MATCHED = 2, /* the same tokens */
	CD_LINK_NEAR = 3     /* one of them without tokens: the same user and model */
} cd_link;

#define CD_NEAR_US (900 * OM_SECOND)

/* One row as pairing sees it: what its own records say, and its look-ups
 * only where those say nothing.  Texts are borrowed; n 0: not known. */
struct cd_side {
	struct cd_text key, user, model;
	struct cd_text source, platform;
	struct cd_text turn, message; /* the turn without the ":n" of a request that had no id */
	om_time at;
	bool of_turn; /* it has no generation id */
	bool alone;   /* an operator said that it is part of nothing */
	bool failed;  /* it ended in an error, or was stopped */
	bool has_request, has_tokens, has_usage;
	int64_t request, prompt, completion;

	/* of the search */
	bool out;   /* takes no part in matching: a tag ties it */
	bool fixed; /* keeps its match */
	struct cd_side *match;
	cd_link how;
};

/* cd_turn_of takes the ":n" off a turn id. */
struct cd_text cd_turn_of(struct cd_text turn_id);

/* cd_side_is_sum: it stands for all requests of its turn. */
bool cd_side_is_sum(const struct cd_side *s);

/* cd_models_agree: whether two names may mean one model.  Only names with a vendor
 * ("vendor/model") can contradict each other; the order of a name's words, a
 * date among them, a variant after ":" and a connection's prefix before "." do
 * not matter. */
bool cd_models_agree(struct cd_text a, struct cd_text b);

/* cd_side_cmp orders by (time, key). */
int cd_side_cmp(const void *a, const void *b);

/* cd_pair_tokens matches turns and generations of the same tokens, and
 * cd_pair_near those where one side has none; each ascending by cd_side_cmp.
 * Those that are out, fixed, alone or matched already are passed over. */
void cd_pair_tokens(struct cd_side *const *turns, size_t n_turns, struct cd_side *const *gens, size_t n_gens);
void cd_pair_near(struct cd_side *const *turns, size_t n_turns, struct cd_side *const *gens, size_t n_gens);

/* cd_pair_slot decides within one turn and request number: of n sides (ascending
 * by cd_side_cmp) it gives the one that counts, NULL when all count by
 * themselves.  is_part tells whether a side is then part of that one. */
struct cd_side *cd_pair_slot(struct cd_side *const *sides, size_t n);
bool cd_pair_is_part(const struct cd_side *side, const struct cd_side *counts);

#endif
