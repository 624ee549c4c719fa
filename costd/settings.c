/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settings.h"

#include "service.h"
#include "wire.h"
#include "zone.h"

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

#define AT(field) .offset = offsetof(struct cd_settings, field)

const struct om_conf_opt cd_settings_table[CD_N_SETTINGS] = {
    {.name = "COSTD_LISTEN",
	.kind = OM_CONF_TEXT,
	AT(listen),
	.def = "tcp://127.0.0.1:45001",
	.check = om_wire_urls_check,
	.help = "Where the other services reach costd: URLs, by commas."},
    {.name = "DATABASE_HOST",
	.kind = OM_CONF_TEXT,
	AT(db_host),
	.def = "127.0.0.1",
	.help = "Host of MariaDB, or several by commas, tried in turn. Not used with DATABASE_SOCKET."},
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
	.help = "User at the database; owns its tables."},
    {.name = "DATABASE_PASSWORD",
	.kind = OM_CONF_SECRET,
	AT(db_password),
	.optional = true,
	.help = "That user's password; none where the socket tells who connects."},
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
	.help = "PEM file of the authority that signed the database's certificate; asks for TLS and checks it."},
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
	.help = "Key for OpenRouter; without it no cost is looked up and no balance shown."},
    {.name = "OPENROUTER_BASE_URL",
	.kind = OM_CONF_TEXT,
	AT(base_url),
	.def = "https://openrouter.ai/api/v1",
	.check = check_base_url,
	.help = "Where OpenRouter's API is."},
    {.name = "LOOKUP_DELAY",
	.kind = OM_CONF_INT,
	AT(lookup_delay_s),
	.def = "5",
	.min = 0,
	.max = 86400,
	.unit = "s",
	.help = "Wait before the cost of a finished generation without one is looked up; doubles with each miss."},
    {.name = "LOOKUP_OPEN_DELAY",
	.kind = OM_CONF_INT,
	AT(lookup_open_delay_s),
	.def = "900",
	.min = 0,
	.max = 604800,
	.unit = "s",
	.help = "Wait before a generation whose end was never reported is looked up."},
    {.name = "LOOKUP_GIVE_UP",
	.kind = OM_CONF_INT,
	AT(lookup_give_up_s),
	.def = "604800",
	.min = 1,
	.max = 31536000,
	.unit = "s",
	.help = "How long a cost is looked up again before it is left unsettled."},
    {.name = "LOOKUP_CONCURRENCY",
	.kind = OM_CONF_INT,
	AT(lookup_concurrency),
	.def = "2",
	.min = 1,
	.max = 16,
	.help = "Look-ups under way at once."},
    {.name = "WIRE_TLS_CA",
	.kind = OM_CONF_TEXT,
	AT(tls_ca),
	.optional = true,
	.help = "PEM file of the authority of all services' certificates, for tls+tcp."},
    {.name = "WIRE_TLS_CERT",
	.kind = OM_CONF_TEXT,
	AT(tls_cert),
	.optional = true,
	.help = "PEM file of costd's certificate, for tls+tcp."},
    {.name = "WIRE_TLS_KEY",
	.kind = OM_CONF_TEXT,
	AT(tls_key),
	.optional = true,
	.help = "PEM file of costd's private key, for tls+tcp."},
    OM_CONF_LOG_LEVEL(struct cd_settings, log_level),
};

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
