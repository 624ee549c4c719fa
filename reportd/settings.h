/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * settings.h - reportd's settings, one table.
 */
#ifndef RD_SETTINGS_H
#define RD_SETTINGS_H

#include "conf.h"
#include "money.h"

struct rd_conf {
	char *listen;
	char *costd_url;
	int64_t workers;
	om_money minimum_fee;
	char *minimum_mode; /* "add" or "floor" */
	char *paper;        /* "a4" or "letter" */
	char *font_dir;
	char *work_dir; /* NULL: the system's place for temporary files */
	char *tls_ca;
	char *tls_cert;
	char *tls_key;
	char *log_level;
};

#define RD_N_SETTINGS 12
extern const struct om_conf_opt rd_settings[RD_N_SETTINGS];

#endif
