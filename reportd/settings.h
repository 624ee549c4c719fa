/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * settings.h - reportd's settings, one table.
 */
#ifndef RD_SETTINGS_H
#define RD_SETTINGS_H

#include "base/conf.h"
#include "base/money.h"

struct rd_conf {
	char *listen;
	char *costd_url;
	int64_t workers;
	int64_t queue;
	om_money minimum_fee;
	char *minimum_mode; /* "add" or "floor" */
	om_money markup_percent;
	om_money markup_per_million; /* USD per million input and output tokens */
	om_money tax_rate;           /* percent */
	char *tax_name;              /* NULL: the word of the document's language */
	char *currency;              /* ISO 4217 */
	om_money exchange_rate;      /* units of currency per USD; 0: not set */
	char *exchange_rate_date;    /* NULL: not set, as those below */
	char *exchange_rate_source;
	char *issuer_name;
	char *issuer_address; /* lines separated by | or \n */
	char *issuer_vat_id;
	char *issuer_contact; /* lines, likewise */
	char *issuer_logo;    /* path of a PNG or JPEG file */
	char *footer;
	char *locale;     /* of documents that do not ask for one */
	char *paper;      /* "a4" or "letter", likewise */
	char *public_url; /* NULL: not set, as delivery_dir and delivery_locale */
	char *delivery_dir, *delivery_files, *delivery_locale;
	char *font_dir;
	char *work_dir; /* NULL: the system's place for temporary files */
	char *tls_ca;
	char *tls_cert;
	char *tls_key;
	char *log_level;
};

#define RD_N_SETTINGS 32
extern const struct om_conf_opt rd_settings[RD_N_SETTINGS];

/* rd_settings_terms appends, as a JSON object, the settings that a document's
 * content depends on. */
void rd_settings_terms(const struct rd_conf *c, struct om_buf *out);

#endif
