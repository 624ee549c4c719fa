/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rows.h - the history of the terms, the table terms_version.
 *
 * Room terms
 *   Does      what a month is charged besides the usage: the history (rows.h), the
 *             settings that reportd says (offers.h), what a person changes (change.h)
 *   Owns      the tables terms_version and terms_offer
 *   Promises  rows are added and never changed; a month has one answer
 *   Never     uses amounts of usage
 *
 * Shape     A row is valid from the first day of a month, or from the beginning of
 *           time.  Rows are added, never changed.  Of the rows of one day only
 *           the newest counts; if it says that they are withdrawn, none does.  A
 *           month has the terms of the latest day that counts and is not after
 *           its first.
 * Promise   changed_us rises with each row, whatever the clocks of several costd say.
 * Failure   OM_DAMAGED names the row that does not hold terms.
 */
#ifndef CD_TERMS_ROWS_H
#define CD_TERMS_ROWS_H

#include "database/db.h"
#include "terms.pb-c.h"
#include "base/clock.h"
#include "base/day.h"
#include "wire/codec.h"

#define CD_TERMS_EVER INT32_MIN /* in place of a day: from the beginning of time */

typedef enum cd_terms_source { CD_TERMS_SETTINGS = 0, CD_TERMS_API = 1 } cd_terms_source;

/*
 * cd_terms_of_month gives what a month, whose first day is given, is charged; in the
 * arena.  A confirmed rate is one of that very month.  A month before all days that
 * count has empty terms; NULL: there is no row at all.
 */
om_status cd_terms_of_month(struct cd_db *db, om_day first, struct om_arena *a, Om__Terms **out, om_err *e) OM_MUST;

/* cd_terms_in_force gives the terms in force on a day and since when; NULL: none count. */
om_status cd_terms_in_force(
    struct cd_db *db, om_day day, struct om_arena *a, Om__Terms **out, om_day *from_out, om_err *e) OM_MUST;

/* cd_terms_last_offered gives all that reportd offered when the settings last made a
 * row; NULL: they never did. */
om_status cd_terms_last_offered(struct cd_db *db, struct om_arena *a, Om__Terms **out, om_err *e) OM_MUST;

/* cd_terms_list gives the whole history, the latest day first, of one day the newest. */
om_status cd_terms_list(struct cd_db *db, struct om_arena *a, Om__TermsReply *out, om_err *e) OM_MUST;

/* cd_terms_count gives the number of rows. */
om_status cd_terms_count(struct cd_db *db, int64_t *out, om_err *e) OM_MUST;

/* cd_terms_changed gives when the newest row was added; 0: there is none. */
om_status cd_terms_changed(struct cd_db *db, om_time *out, om_err *e) OM_MUST;

/* cd_terms_take locks the terms against other processes until the end of the
 * transaction, and gives the changed_us of a row that is added in it. */
om_status cd_terms_take(struct cd_db *db, om_time now, om_time *changed_out, om_err *e) OM_MUST;

struct cd_terms_row {
	om_day from;
	om_time changed_us; /* of cd_terms_take */
	cd_terms_source source;
	bool withdrawn;
	const Om__Terms *terms;
	const Om__Terms *offered; /* NULL for the API's */
};
om_status cd_terms_add(struct cd_db *db, const struct cd_terms_row *r, struct om_arena *a, om_err *e) OM_MUST;

/* cd_terms_check_rows reads every row: the first that holds no terms is OM_DAMAGED. */
om_status cd_terms_check_rows(struct cd_db *db, om_err *e) OM_MUST;

/* cd_terms_text makes JSON of terms, and cd_terms_parse terms of JSON; in the arena. */
char *cd_terms_text(const Om__Terms *t, struct om_arena *a);
om_status cd_terms_parse(const char *json, size_t n, struct om_arena *a, Om__Terms **out, om_err *e) OM_MUST;

/* cd_terms_clean: a text that cannot be stored as it is, since it is no UTF-8 or has
 * control characters, is OM_INVALID. */
om_status cd_terms_clean(Om__Terms *t, om_err *e) OM_MUST;

/* cd_terms_unconfirm makes the rate one that no person has confirmed. */
void cd_terms_unconfirm(Om__Terms *t);

#endif
