/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * kept_terms.h - which terms and settings a document keeps, and how another file of it
 * is made with them.
 *
 * Shape     A JSON object: the names of the settings that shape documents, with the
 *           values used, and FLOOR_RULE, the way a floor is rounded ("2"; absent: as
 *           it was before there was such a member).
 * Threads   Pure functions.
 */
#ifndef RD_KEPT_TERMS_H
#define RD_KEPT_TERMS_H

#include "document_settings.h"
#include "terms.h"
#include "terms.pb-c.h"

/* What a document is made with. */
struct rd_made_with {
	struct rd_terms terms;
	const char *kept;               /* what it keeps of it, JSON */
	const struct rd_locale *locale; /* it was in; NULL: not kept */
	const char *paper;              /* likewise */
};

/* rd_terms_used gives the terms and what is kept of them; t NULL: the settings'. */
om_status rd_terms_used(const struct rd_document_settings *h, const Om__Terms *t, om_day first,
    const struct rd_month *m, rd_paper paper, struct om_arena *a, struct rd_made_with *out, om_err *e) OM_MUST;

/* rd_terms_kept reads what a document kept: its terms and its issuer.  The logo is
 * the present one.  OM_DAMAGED when it cannot be read. */
om_status rd_terms_kept(const struct rd_document_settings *h, const char *json, om_day first, struct om_arena *a,
    struct rd_made_with *out, om_err *e) OM_MUST;

/* rd_terms_kept_charges reads the terms alone, for a correction. */
om_status rd_terms_kept_charges(const char *json, struct om_arena *a, Om__Terms *out, om_err *e) OM_MUST;

#endif
