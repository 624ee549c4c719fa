/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * settings.h - what costd can be told.  The table is the source of the parser,
 * of --help and of the README's list.
 */
#ifndef CD_SETTINGS_H
#define CD_SETTINGS_H

#include "database/db.h"
#include "base/conf.h"
#include "wire/settings.h"

struct cd_settings {
	char *listen;
	char *db_host, *db_socket, *db_user, *db_password, *db_name, *db_tls_ca;
	int64_t db_port;
	int64_t worker;
	char *timezone;
	char *api_key, *base_url;
	int64_t lookup_delay_us, lookup_open_delay_us, lookup_max_delay_us, lookup_give_up_us;
	int64_t lookup_concurrency, lookup_rate;
	int64_t lookup_timeout_us, lookup_pause_us, lookup_zero_wait_us;
	char *told_users; /* count, unknown */
	char *lookup_verify;
	int64_t prices_interval_us;
	char *openwebui_endpoint, *openwebui_key; /* NULL: none */
	int64_t openwebui_interval_us;
	int64_t delivery_grace_us;
	char *webhook_url, *webhook_secret; /* NULL: none */
	struct om_wire_settings wire;
	char *log_level;
};

#define CD_N_SETTINGS 37
extern const struct om_conf_opt cd_settings_table[CD_N_SETTINGS];

/* cd_settings_verify reads LOOKUP_VERIFY: how many of CD_VERIFY_ALL (ledger/lookup.h). */
om_status cd_settings_verify(const char *value, uint32_t *out, om_err *e) OM_MUST;

/* cd_settings_check tells which setting another one needs. */
om_status cd_settings_check(const struct cd_settings *s, om_err *e) OM_MUST;

/* cd_settings_db names the database; the texts stay the settings'. */
void cd_settings_db(const struct cd_settings *s, struct cd_db_opts *out);

#endif
