/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * document_settings.h - the settings that shape documents: as they were given, and
 * as documents use them.
 *
 * Threads   Never changed after they were opened.
 */
#ifndef RD_DOCUMENT_SETTINGS_H
#define RD_DOCUMENT_SETTINGS_H

#include "terms.h"
#include "source/asked.h"
#include "terms.pb-c.h"
#include "base/arena.h"

/* The settings that shape documents, as they were given; borrowed, NULL where not set. */
struct rd_document_conf {
	om_money minimum_fee;
	char *minimum_mode; /* "add" or "floor" */
	om_money markup_percent;
	om_money markup_per_million; /* USD per million input and output tokens */
	om_money tax_rate;           /* percent */
	char *tax_name;              /* NULL: the word of the document's language */
	char *currency;              /* ISO 4217 */
	om_money exchange_rate;      /* units of currency per USD; 0: not set */
	char *exchange_rate_date;    /* NULL: not set */
	char *exchange_rate_source;
	char *issuer_name;
	char *issuer_address; /* lines separated by | or \n */
	char *issuer_vat_id;
	char *issuer_contact; /* lines, likewise */
	char *issuer_logo;    /* path of a PNG or JPEG file */
	char *footer;
	char *locale; /* of documents that do not ask for one */
	char *paper;  /* "a4" or "letter", likewise */
};

/* The same, checked and read. */
struct rd_document_settings {
	Om__Terms terms;  /* that are set, as costd is told */
	const char *json; /* names and values, as a document keeps them; NULL: none */
	struct rd_issuer issuer;
	const struct rd_locale *locale; /* of documents that do not ask for one */
	rd_paper paper;                 /* likewise */

	struct rd_image logo; /* owned, as texts */
	struct om_arena texts;
};

/* rd_document_settings_open checks the settings that depend on each other and reads the
 * logo.  json:
 * the same settings as an object of their names and values, as documents keep them; NULL: an
 * empty one.  rd_document_settings_close after any outcome. */
om_status rd_document_settings_open(
    const struct rd_document_conf *c, const char *json, struct rd_document_settings *out, om_err *e) OM_MUST;
void rd_document_settings_close(struct rd_document_settings *h);

/* rd_document_settings_month reads what is asked for: month, person or group, language,
 * paper and what makes it more than a draft.  *out borrows from it. */
om_status rd_document_settings_month(const struct rd_document_settings *h, const struct rd_asked *asked,
    struct rd_month *out, rd_paper *paper_out, om_err *e) OM_MUST;

#endif
