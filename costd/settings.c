/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settings.h"

#include "ledger/lookup.h"
#include "base/zone.h"
#include "run/service.h"
#include "wire/wire.h"

#include <string.h>

#define CONNECT_S 3
#define READ_S    10

static om_status
check_zone(const char *value, om_err *e)
{
	return om_zone_open(value, e);
}

static om_status
check_base_url(const char *value, om_err *e)
{
	bool http = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;

	if (!http || strpbrk(value, " ?#@\"\\") != NULL)
		return om_fail(e, OM_INVALID, "must be http://… or https://… without user, query or fragment");
	return OM_OK;
}

static om_status
check_key(const char *value, om_err *e)
{
	for (const char *p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return om_fail(e, OM_INVALID, "must be printable characters without space");
	return OM_OK;
}

static om_status
check_webhook_url(const char *value, om_err *e)
{
	if (strncmp(value, "http://", 7) != 0 && strncmp(value, "https://", 8) != 0)
		return om_fail(e, OM_INVALID, "must be http://… or https://…");
	return check_key(value, e);
}

om_status
cd_settings_verify(const char *value, uint32_t *out, om_err *e)
{
	om_money share;
	char number[16];
	size_t n = strlen(value);

	*out = 0;
	if (strcmp(value, "none") == 0)
		return OM_OK;
	if (strcmp(value, "all") == 0) {
		*out = CD_VERIFY_ALL;
		return OM_OK;
	}
	if (n >= 2 && n <= sizeof number && value[n - 1] == '%') {
		memcpy(number, value, n - 1);
		number[n - 1] = '\0';
		if (om_money_parse(number, &share, NULL) == OM_OK && share.v >= 0 &&
		    share.v <= (om_i128)100 * 1000000000000000000) {
			*out = (uint32_t)(share.v * (CD_VERIFY_ALL / 100) / 1000000000000000000);
			return OM_OK;
		}
	}
	return om_fail(e, OM_INVALID, "must be all, none, or a share from 0%% to 100%%");
}

static om_status
check_verify(const char *value, om_err *e)
{
	uint32_t share;

	return cd_settings_verify(value, &share, e);
}

#define AT(field) .offset = offsetof(struct cd_settings, field)

const struct om_conf_opt cd_settings_table[CD_N_SETTINGS] = {
    {.name = "COSTD_LISTEN",
	.kind = OM_CONF_TEXT,
	AT(listen),
	.def = "tcp://127.0.0.1:45001",
	.check = om_wire_urls_check,
	.help = "Where costd takes requests: one or several URLs, tcp:// or tls+tcp://, separated by commas."},
    {.name = "DATABASE_HOST",
	.kind = OM_CONF_TEXT,
	AT(db_host),
	.def = "127.0.0.1",
	.help = "Host of MariaDB, or several, separated by commas and tried in turn. Not used with DATABASE_SOCKET."},
    {.name = "DATABASE_PORT",
	.kind = OM_CONF_INT,
	AT(db_port),
	.def = "3306",
	.min = 1,
	.max = 65535,
	.help = "Port of MariaDB."},
    {.name = "DATABASE_SOCKET",
	.kind = OM_CONF_TEXT,
	AT(db_socket),
	.optional = true,
	.help = "Path of MariaDB's Unix socket; takes the place of host and port."},
    {.name = "DATABASE_USER",
	.kind = OM_CONF_TEXT,
	AT(db_user),
	.def = "metering",
	.help = "The database's user, who owns the tables."},
    {.name = "DATABASE_PASSWORD",
	.kind = OM_CONF_SECRET,
	AT(db_password),
	.optional = true,
	.help = "That user's password; not needed where the database identifies the user by the socket."},
    {.name = "DATABASE_NAME",
	.kind = OM_CONF_TEXT,
	AT(db_name),
	.def = "metering",
	.max = 64,
	.help = "Name of the database; it must exist."},
    {.name = "DATABASE_TLS_CA",
	.kind = OM_CONF_TEXT,
	AT(db_tls_ca),
	.optional = true,
	.help = "PEM file of the authority that signed the database's certificate; with it, costd demands TLS and "
		"checks the certificate."},
    {.name = "WORKER",
	.kind = OM_CONF_INT,
	AT(worker),
	.def = "4",
	.min = 1,
	.max = 32,
	.help = "Requests carried out at once; each may hold one database connection."},
    {.name = "REPORT_TIMEZONE",
	.kind = OM_CONF_TEXT,
	AT(timezone),
	.def = "UTC",
	.check = check_zone,
	.help = "The time zone billing days belong to (IANA name). To change it later, run costd --rebuild-totals."},
    {.name = "OPENROUTER_API_KEY",
	.kind = OM_CONF_SECRET,
	AT(api_key),
	.optional = true,
	.check = check_key,
	.help = "Key for OpenRouter; without it no cost is looked up and no balance is shown."},
    {.name = "OPENROUTER_BASE_URL",
	.kind = OM_CONF_TEXT,
	AT(base_url),
	.def = "https://openrouter.ai/api/v1",
	.check = check_base_url,
	.help = "Where OpenRouter's API is."},
    {.name = "LOOKUP_DELAY",
	.kind = OM_CONF_DURATION,
	AT(lookup_delay_us),
	.def = "5",
	.min = 0,
	.max = 86400,
	.help = "Wait before the cost of a finished generation without one is looked up; doubles with each look-up "
		"that finds none."},
    {.name = "LOOKUP_OPEN_DELAY",
	.kind = OM_CONF_DURATION,
	AT(lookup_open_delay_us),
	.def = "900",
	.min = 0,
	.max = 604800,
	.help = "Wait before a generation whose end was never reported is looked up."},
    {.name = "LOOKUP_MAX_DELAY",
	.kind = OM_CONF_DURATION,
	AT(lookup_max_delay_us),
	.def = "6h",
	.min = 0,
	.max = 604800,
	.help = "Longest wait between two look-ups of one generation."},
    {.name = "LOOKUP_GIVE_UP",
	.kind = OM_CONF_DURATION,
	AT(lookup_give_up_us),
	.def = "7d",
	.min = 0,
	.max = 31536000,
	.help = "How long a cost is looked up again before it is left unsettled."},
    {.name = "LOOKUP_CONCURRENCY",
	.kind = OM_CONF_INT,
	AT(lookup_concurrency),
	.def = "2",
	.min = 1,
	.max = 16,
	.help = "Look-ups under way at once."},
    {.name = "LOOKUP_RATE",
	.kind = OM_CONF_INT,
	AT(lookup_rate),
	.def = "300",
	.min = 1,
	.max = 60000,
	.help = "Look-ups begun per minute, by each costd."},
    {.name = "LOOKUP_TIMEOUT",
	.kind = OM_CONF_DURATION,
	AT(lookup_timeout_us),
	.def = "20",
	.min = 0,
	.max = 60,
	.help = "Longest time one look-up may take."},
    {.name = "LOOKUP_PAUSE",
	.kind = OM_CONF_DURATION,
	AT(lookup_pause_us),
	.def = "60",
	.min = 0,
	.max = 3600,
	.help = "How long look-ups pause when the provider refuses the key; doubles each time, up to fifteen times as "
		"long."},
    {.name = "LOOKUP_ZERO_WAIT",
	.kind = OM_CONF_DURATION,
	AT(lookup_zero_wait_us),
	.def = "60",
	.min = 0,
	.max = 86400,
	.help = "How long an answer without cost and tokens is asked for again before it counts."},
    OM_SETTING_TOLD_USERS(struct cd_settings),
    {.name = "LOOKUP_VERIFY",
	.kind = OM_CONF_TEXT,
	AT(lookup_verify),
	.def = "5%",
	.check = check_verify,
	.help =
	    "Which reported costs are looked up too, to compare them: all, none, or a share. With 5%, at least "
	    "one of sixty wrong costs is found in 19 of 20 cases, and the provider is asked once in twenty requests."},
    {.name = "PRICES_INTERVAL",
	.kind = OM_CONF_DURATION,
	AT(prices_interval_us),
	.def = "1h",
	.min = 0,
	.max = 604800,
	.help = "How often the price list is fetched for the price history; 0 never fetches it."},
    {.name = "OPENWEBUI_ENDPOINT",
	.kind = OM_CONF_TEXT,
	AT(openwebui_endpoint),
	.optional = true,
	.max = 2048,
	.check = check_base_url,
	.help =
	    "Where Open WebUI is, like http://open-webui:8080, to ask it for its users and groups: also for those who "
	    "never chatted, and who is gone there. Without it, persons are known from the plugin's records alone."},
    {.name = "OPENWEBUI_API_KEY",
	.kind = OM_CONF_SECRET,
	AT(openwebui_key),
	.optional = true,
	.max = 900,
	.check = check_key,
	.help = "The API key of an admin there; needed with OPENWEBUI_ENDPOINT. Open WebUI has such keys where "
		"ENABLE_API_KEYS (in older versions ENABLE_API_KEY) is on."},
    {.name = "OPENWEBUI_INTERVAL",
	.kind = OM_CONF_DURATION,
	AT(openwebui_interval_us),
	.def = "10m",
	.min = 1,
	.max = 604800,
	.help = "How often Open WebUI is asked for its users and groups."},
    {.name = "DELIVERY_GRACE",
	.kind = OM_CONF_DURATION,
	AT(delivery_grace_us),
	.def = "5d",
	.min = 0,
	.max = 7776000,
	.help =
	    "How long after its end a month's files wait for requests that are not settled, before they are written "
	    "all the same (where reportd has a DELIVERY_DIR)."},
    {.name = "DELIVERY_WEBHOOK_URL",
	.kind = OM_CONF_SECRET,
	AT(webhook_url),
	.optional = true,
	.max = 2048,
	.check = check_webhook_url,
	.help = "The URL that costd calls with POST when a month's files were written; never logged, since many such "
		"URLs are secrets."},
    {.name = "DELIVERY_WEBHOOK_SECRET",
	.kind = OM_CONF_SECRET,
	AT(webhook_secret),
	.optional = true,
	.min = 16,
	.max = 512,
	.mend = "make one with: openssl rand -hex 24",
	.help = "The key that signs the webhook's calls; needed with DELIVERY_WEBHOOK_URL."},
    OM_WIRE_SETTING_KEY_GATEWAY(struct cd_settings),
    OM_WIRE_SETTING_KEY_REPORTD(struct cd_settings),
    OM_WIRE_SETTING_TLS(struct cd_settings),
    OM_WIRE_SETTING_WITHOUT_MAC(struct cd_settings),
    OM_CONF_LOG_LEVEL(struct cd_settings, log_level),
};

om_status
cd_settings_check(const struct cd_settings *s, om_err *e)
{
	static const char endpoint[] = "OPENWEBUI_ENDPOINT", key[] = "OPENWEBUI_API_KEY";
	const bool has_key = s->openwebui_key != NULL;

	if ((s->openwebui_endpoint != NULL) == has_key)
		return OM_OK;
	return om_fail(
	    e, OM_INVALID, "%s: is missing, but %s is set", has_key ? endpoint : key, has_key ? key : endpoint);
}

void
cd_settings_db(const struct cd_settings *s, struct cd_db_opts *out)
{
	*out = (struct cd_db_opts){
	    .host = s->db_host,
	    .port = (unsigned)s->db_port,
	    .socket = s->db_socket,
	    .user = s->db_user,
	    .password = s->db_password,
	    .database = s->db_name,
	    .tls_ca = s->db_tls_ca,
	    .connect_s = CONNECT_S,
	    .read_s = READ_S,
	};
}
