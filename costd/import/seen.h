/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * seen.h - rows that one call may have in another place: in the ledger, or in
 * the same file by another id.
 *
 * Cost      n log n for n rows and n questions, whatever they have in common: each
 *           list is sorted, and what was taken is stepped over once.  About 90 bytes
 *           a row.
 * Use       Add all rows, sort, ask.  What was taken stays so when the rows are
 *           cleared and added again.
 * Failure   OM_NOMEM.
 * Threads   One.
 */
#ifndef CD_IMPORT_SEEN_H
#define CD_IMPORT_SEEN_H

#include "base/clock.h"
#include "base/money.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define CD_SEEN_NEAR (900 * OM_SECOND)  /* two files' times of one call differ at most so much */
#define CD_SEEN_TURN (3600 * OM_SECOND) /* a turn's start and its end */

struct cd_seen;

/* One row; texts may be NULL. */
struct cd_seen_row {
	const char *key;
	om_time at;
	const char *user;
	const char *turn, *message; /* ids it has */
	const char *span;           /* first 16 hexadecimal digits of what its span is called */
	bool has_usage;
	om_money cost;
	int64_t prompt, completion;
};

om_status cd_seen_new(struct cd_seen **out, om_err *e) OM_MUST;
void cd_seen_free(struct cd_seen **s);

void cd_seen_clear(struct cd_seen *s);
om_status cd_seen_add(struct cd_seen *s, const struct cd_seen_row *row, om_err *e) OM_MUST;
om_status cd_seen_sort(struct cd_seen *s, om_err *e) OM_MUST;

/* cd_seen_has: a row with this turn or message id, within an hour. */
bool cd_seen_has(struct cd_seen *s, const char *turn, om_time at);
bool cd_seen_has_span(struct cd_seen *s, const char *span, om_time at);

/* cd_seen_take finds a row with the same cost and tokens within a quarter of an hour
 * that was not taken yet, of the same user or of one who is not known, and takes it. */
om_status cd_seen_take(struct cd_seen *s, const struct cd_seen_row *like, bool *found, om_err *e) OM_MUST;

/* cd_seen_steps counts the comparisons so far, for the tests. */
uint64_t cd_seen_steps(const struct cd_seen *s);

#endif
