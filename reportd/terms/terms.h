/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * terms.h - what is charged besides the usage, in what currency, by whom.
 *
 * Whence    A month's terms come from costd with its figures; issuer, footer,
 *           language and paper are reportd's settings.  A document keeps all of
 *           it as a JSON object: the settings' names with the values used, and
 *           FLOOR_RULE, the way a floor is rounded ("2"; absent: as it was before
 *           there was such a member).
 * Threads   A house is never changed after it was opened.
 */
#ifndef RD_TERMS_H
#define RD_TERMS_H

#include "document/doc.h"
#include "jobs.pb-c.h"
#include "terms.pb-c.h"
#include "wire/codec.h"

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
	bool rate_outside; /* dated outside the month, and nobody confirmed it */
	bool old_floor;    /* a floor is rounded as in documents without FLOOR_RULE */
	struct rd_issuer issuer;
};

typedef enum rd_paper { RD_A4, RD_LETTER } rd_paper;

/* The settings, as documents use them. */
struct rd_house {
	Om__Terms offer;  /* the terms that are set, as costd is told */
	const char *said; /* the settings that shape a document, a JSON object */
	struct rd_issuer issuer;
	const struct rd_locale *locale; /* of documents that do not ask for one */
	rd_paper paper;                 /* likewise */

	struct rd_image logo; /* owned, as texts */
	struct om_arena texts;
};

struct rd_conf;
struct rd_month;

/* rd_terms_line gives a text, clean; NULL for none. */
const char *rd_terms_line(struct om_arena *a, const char *text);
/* rd_terms_lines gives a setting's text, clean, with \n for each "\n" or "|" in it;
 * NULL for none. */
const char *rd_terms_lines(struct om_arena *a, const char *text);

/* rd_house_open checks what the settings ask of each other and reads the logo;
 * rd_house_close after any outcome. */
om_status rd_house_open(const struct rd_conf *c, struct rd_house *out, om_err *e) OM_MUST;
void rd_house_close(struct rd_house *h);

/* rd_terms_of gives the terms of the month whose first day that is, as costd has
 * them.  Texts are clean and live in the arena; OM_PROTOCOL when they are none. */
om_status rd_terms_of(const Om__Terms *t, om_day first, const struct rd_issuer *issuer, struct om_arena *a,
    struct rd_terms *out, om_err *e) OM_MUST;

/* What a document is made with. */
struct rd_made_with {
	struct rd_terms terms;
	const char *kept;               /* what it keeps of it, JSON */
	const struct rd_locale *locale; /* it was in; NULL: not said */
	const char *paper;              /* likewise */
};

/* rd_terms_used gives the terms and what is kept of them; t NULL: the settings'. */
om_status rd_terms_used(const struct rd_house *h, const Om__Terms *t, om_day first, const struct rd_month *m,
    rd_paper paper, struct om_arena *a, struct rd_made_with *out, om_err *e) OM_MUST;

/* rd_terms_kept reads what a document kept: its terms and its issuer.  The logo is
 * the present one.  OM_DAMAGED when it cannot be read. */
om_status rd_terms_kept(const struct rd_house *h, const char *json, om_day first, struct om_arena *a,
    struct rd_made_with *out, om_err *e) OM_MUST;

/* rd_terms_kept_charges reads the terms alone, for a correction. */
om_status rd_terms_kept_charges(const char *json, struct om_arena *a, Om__Terms *out, om_err *e) OM_MUST;

/* rd_house_month reads what a query asks for: month, person or group, language,
 * paper and what makes it more than a draft.  *out borrows from the query. */
om_status rd_house_month(
    const struct rd_house *h, const Om__RenderQuery *q, struct rd_month *out, rd_paper *paper_out, om_err *e) OM_MUST;

#endif
