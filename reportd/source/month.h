/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * month.h - what a document is asked for: of which month, of whom, in which
 * language and time zone, and what makes it more than a draft.
 *
 * Owner     All texts are borrowed from the query.
 * Threads   A value.
 */
#ifndef RD_MONTH_H
#define RD_MONTH_H

#include "words/locale.h"
#include "usage.pb-c.h"
#include "base/arena.h"

#include <stdbool.h>

struct rd_rows;

/* What makes a document more than a draft.  A draft says so across each page, and so
 * does a duplicate, which is a further file in a format that was issued already.  A
 * cancellation is a document of its own: the lines of its bill, tax and amount due are
 * those of the other document with the opposite sign; its tables are those of the
 * other. */
struct rd_issue {
	const char *number;     /* NULL: not issued */
	const char *code;       /* verification code; NULL: none */
	const char *verify_url; /* NULL: none */
	const char *corrects;   /* number of the document this one replaces; NULL: none */
	om_time issued;         /* 0: not known */
	bool draft;             /* a draft in spite of a number */
	bool duplicate;         /* another file of what was issued in this format already */
	const char *cancels;    /* number of the document whose amounts this one takes back; NULL: none */
	om_time cancels_issued; /* that one's date of issue; 0: not known */
	const char *reason;     /* why; NULL: not said */
};

struct rd_month {
	int year;
	int month;                      /* 1 to 12 */
	const char *user;               /* id; NULL: everyone */
	const char *group;              /* NULL: everyone; not with user */
	const struct rd_locale *locale; /* NULL: English */
	struct rd_issue issue;
	const struct om_zone_table *zone; /* of all instants; set before a document is made, and outlives it */
	struct rd_rows *rows;             /* where the single requests come from; NULL: not shown, or the reply's */
};

/* rd_month_check: OM_INVALID beyond 2000-01 to 2199-12. */
om_status rd_month_check(const struct rd_month *m, om_err *e) OM_MUST;

/* rd_zone_of_reply reads the zone of a reply into the arena; OM_UNAVAILABLE:
 * there is none, as from an older costd. */
om_status rd_zone_of_reply(const Om__Zone *z, struct om_arena *a, struct om_zone_table *out, om_err *e) OM_MUST;

/* rd_month_set_zone makes it the month's. */
om_status rd_month_set_zone(struct rd_month *m, const Om__Zone *z, struct om_arena *a, om_err *e) OM_MUST;

#endif
