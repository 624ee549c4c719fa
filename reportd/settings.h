/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * settings.h - reportd's settings, one table.
 */
#ifndef RD_SETTINGS_H
#define RD_SETTINGS_H

#include "terms/document_settings.h"
#include "base/conf.h"
#include "wire/settings.h"

struct rd_conf {
	char *listen;
	char *costd_url;
	int64_t workers;
	int64_t queue;
	struct rd_document_conf documents;
	char *public_url; /* NULL: not set, as delivery_dir and delivery_locale */
	char *delivery_dir, *delivery_files, *delivery_locale;
	char *font_dir;
	char *work_dir; /* NULL: the system's place for temporary files */
	struct om_wire_settings wire;
	char *log_level;
};

#define RD_N_SETTINGS 35
extern const struct om_conf_opt rd_settings[RD_N_SETTINGS];

/* rd_settings_terms appends, as a JSON object, the settings that a document's
 * content depends on. */
void rd_settings_terms(const struct rd_conf *c, struct om_buf *out);

/* rd_settings_of_documents opens the settings that shape documents;
 * rd_document_settings_close after any outcome. */
om_status rd_settings_of_documents(const struct rd_conf *c, struct rd_document_settings *out, om_err *e) OM_MUST;

#endif
