/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * settings.h - the gateway's settings; the table in settings.c is the manual.
 */
#ifndef GW_SETTINGS_H
#define GW_SETTINGS_H

#include "run/service.h"
#include "wire/settings.h"

#include <stdint.h>

struct gw_conf {
	char *bind_address;
	int64_t port;
	int64_t http_threads;
	int64_t live_streams;
	int64_t body_timeout_s;
	int64_t connections_per_address;
	int64_t stranger_timeout_s;
	char *trusted_proxies; /* NULL: none */
	char *dashboard_dir;   /* NULL: the built-in one */

	char *api_key;
	char *read_api_key; /* NULL: none */
	char *password_hash;
	char *jwt_secret;
	int64_t session_lifetime_s;
	char *cookie_secure; /* auto, on, off */
	char *public_url;    /* NULL: not given, as the next */
	char *allowed_hosts;

	char *spool_dir;
	int64_t spool_limit_bytes;
	char *told_users;              /* count, unknown */
	int64_t ingest_records_minute; /* per key; 0: no limit, as the next three */
	int64_t ingest_records_day;
	int64_t ingest_bytes_minute;
	int64_t ingest_bytes_day;

	char *costd_url;
	char *reportd_url;
	struct om_wire_settings wire;

	char *log_level;
};

#define GW_CONF_SETTINGS 32

extern const struct om_conf_opt gw_conf_table[GW_CONF_SETTINGS];

/* gw_conf_check checks settings against each other. */
om_status gw_conf_check(const struct gw_conf *c, om_err *e) OM_MUST;

#endif
