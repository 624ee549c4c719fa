/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * terms.h - what is charged besides the usage, in what currency, by whom: the
 * settings a document is made with.
 */
#ifndef RD_TERMS_H
#define RD_TERMS_H

#include "codec.h"
#include "doc.h"

struct rd_terms {
	om_money fee;                /* per user with usage, and month */
	bool floor;                  /* the least a month's usage costs; otherwise added on top */
	om_money markup_percent;     /* of the usage */
	om_money markup_per_million; /* USD per million input and output tokens */
	om_money tax_rate;           /* percent of the net amount */
	const char *tax_name;        /* NULL: the language's word */
	const char *currency;        /* NULL: USD */
	om_money rate;               /* units of currency per USD; not used for USD */
	om_day rate_day;
	const char *rate_source;
	bool rate_outside; /* the rate is dated outside the month, and nobody confirmed it: a draft says so */
	bool old_floor;    /* rule 1 of the floor's line, as in documents issued before rule 2 (see bill.h) */
	struct rd_issuer issuer;
};

typedef enum rd_paper { RD_A4, RD_LETTER } rd_paper;

/* The settings, as documents use them. */
struct rd_house {
	struct rd_terms terms;
	const struct rd_locale *locale; /* of documents that do not ask for one */
	rd_paper paper;                 /* likewise */

	struct rd_image logo; /* owned, as texts */
	struct om_arena texts;
};

struct rd_conf;
struct rd_month;

/* rd_house_open checks what the settings ask of each other and reads the logo;
 * rd_house_close after any outcome. */
om_status rd_house_open(const struct rd_conf *c, struct rd_house *out, om_err *e) OM_MUST;
void rd_house_close(struct rd_house *h);

/* rd_house_month reads what a query asks for: month, person or group, language,
 * paper and what makes it more than a draft.  *out borrows from the query. */
om_status rd_house_month(
    const struct rd_house *h, const Om__RenderQuery *q, struct rd_month *out, rd_paper *paper_out, om_err *e) OM_MUST;

#endif
