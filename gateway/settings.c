/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settings.h"

#include "access/hosts.h"
#include "access/password.h"
#include "http/proxy.h"
#include "base/digest.h"
#include "wire/wire.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#define AT(field_) .offset = offsetof(struct gw_conf, field_)

static om_status
check_bind(const char *value, om_err *e)
{
	struct in_addr a;

	if (inet_pton(AF_INET, value, &a) != 1)
		return om_fail(e, OM_INVALID, "must be an IPv4 address, like 127.0.0.1 or 0.0.0.0");
	return OM_OK;
}

/* Header values cannot carry anything else. */
static om_status
check_key(const char *value, om_err *e)
{
	for (const char *p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return om_fail(e, OM_INVALID, "must be printable ASCII without spaces");
	return OM_OK;
}

const struct om_conf_opt gw_conf_table[GW_CONF_SETTINGS] = {
    {.name = "ALLOWED_HOSTS",
	.kind = OM_CONF_TEXT,
	AT(allowed_hosts),
	.optional = true,
	.max = 4096,
	.check = gw_hosts_check,
	.help = "Names, separated by commas, by which browsers may call the gateway, besides that of PUBLIC_URL, "
		"addresses, "
		"localhost and names without a dot; others are refused with 421."},
    {.name = "API_KEY",
	.kind = OM_CONF_SECRET,
	AT(api_key),
	.min = 16,
	.max = 512,
	.mend = "make one with: openssl rand -hex 24",
	.check = check_key,
	.help = "The ingest key, which senders of usage send as a bearer token; of the read calls it may use the "
		"metrics alone."},
    {.name = "BIND_ADDRESS",
	.kind = OM_CONF_TEXT,
	AT(bind_address),
	.def = "127.0.0.1",
	.max = 64,
	.check = check_bind,
	.help = "The IPv4 address to listen at; leave it on loopback behind a reverse proxy, which also does TLS."},
    {.name = "BODY_TIMEOUT",
	.kind = OM_CONF_INT,
	AT(body_timeout_s),
	.def = "20",
	.min = 1,
	.max = 600,
	.unit = "s",
	.help = "How long the whole body of a request with a valid key or session may take to arrive."},
    {.name = "CONNECTIONS_PER_ADDRESS",
	.kind = OM_CONF_INT,
	AT(connections_per_address),
	.def = "48",
	.min = 2,
	.max = 512,
	.help = "Connections that one address may have without having shown a valid key or session, at most three "
		"quarters of HTTP_THREADS; the one that has waited longest makes room for a new one. Those of "
		"TRUSTED_PROXIES are counted by the address they forward."},
    {.name = "COOKIE_SECURE",
	.kind = OM_CONF_CHOICE,
	AT(cookie_secure),
	.def = "auto",
	.choices = "auto|on|off",
	.help = "Whether the session cookie is for HTTPS only; auto goes by the X-Forwarded-Proto of a trusted proxy."},
    {.name = "COSTD_URL",
	.kind = OM_CONF_TEXT,
	AT(costd_url),
	.def = "tcp://127.0.0.1:45001",
	.max = 2048,
	.check = om_wire_urls_check,
	.help = "Where costd listens; several URLs are separated by commas."},
    {.name = "DASHBOARD_DIR",
	.kind = OM_CONF_TEXT,
	AT(dashboard_dir),
	.optional = true,
	.max = 4096,
	.help = "A folder to serve the dashboard from in place of the built-in files, for developers."},
    {.name = "HTTP_THREADS",
	.kind = OM_CONF_INT,
	AT(http_threads),
	.def = "96",
	.min = 2,
	.max = 512,
	.help = "Connections served at the same time; three quarters of them may wait for another request."},
    {.name = "INGEST_BYTES_PER_DAY",
	.kind = OM_CONF_INT,
	AT(ingest_bytes_day),
	.def = "53687091200",
	.min = 0,
	.max = 1125899906842624,
	.unit = "bytes",
	.help = "Bodies that one key may send in a day (UTC), in bytes; then 429 until the day ends; 0: no limit."},
    {.name = "INGEST_BYTES_PER_MINUTE",
	.kind = OM_CONF_INT,
	AT(ingest_bytes_minute),
	.def = "1073741824",
	.min = 0,
	.max = 1125899906842624,
	.unit = "bytes",
	.help = "Bodies that one key may send in a minute, in bytes; then 429 until the minute ends; 0: no limit."},
    {.name = "INGEST_RECORDS_PER_DAY",
	.kind = OM_CONF_INT,
	AT(ingest_records_day),
	.def = "10000000",
	.min = 0,
	.max = 1000000000000,
	.help = "Records that one key may send in a day (UTC); then 429 until the day ends; 0: no limit."},
    {.name = "INGEST_RECORDS_PER_MINUTE",
	.kind = OM_CONF_INT,
	AT(ingest_records_minute),
	.def = "200000",
	.min = 0,
	.max = 1000000000000,
	.help = "Records that one key may send in a minute; then 429 until the minute ends; 0: no limit."},
    {.name = "JWT_SECRET",
	.kind = OM_CONF_SECRET,
	AT(jwt_secret),
	.min = 48,
	.max = 1024,
	.mend = "make one with: openssl rand -hex 32",
	.help =
	    "What the keys of sessions, tickets, marks of browsers and login links are derived from; changing it ends "
	    "all sessions."},
    {.name = "LIVE_STREAMS",
	.kind = OM_CONF_INT,
	AT(live_streams),
	.def = "8",
	.min = 0,
	.max = 256,
	.help = "Live pages open at the same time; each keeps one of HTTP_THREADS, of which at most half are used for "
		"them."},
    OM_CONF_LOG_LEVEL(struct gw_conf, log_level),
    {.name = "PASSWORD_HASH",
	.kind = OM_CONF_SECRET,
	AT(password_hash),
	.min = 1,
	.max = 512,
	.mend = "make one with: gateway --hash-password (in a compose file each $ is written $$)",
	.check = gw_password_check,
	.help = "The administrator's password as an encoded argon2 hash."},
    {.name = "PORT",
	.kind = OM_CONF_INT,
	AT(port),
	.def = "45000",
	.min = 0,
	.max = 65535,
	.help = "The TCP port to listen at; 0 takes a free one and logs it."},
    {.name = "PUBLIC_URL",
	.kind = OM_CONF_TEXT,
	AT(public_url),
	.optional = true,
	.max = 512,
	.check = gw_public_url_check,
	.help = "Where browsers reach the gateway, as https://metering.example.org; login links begin with it."},
    {.name = "READ_API_KEY",
	.kind = OM_CONF_SECRET,
	AT(read_api_key),
	.optional = true,
	.min = 16,
	.max = 512,
	.mend = "make one with: openssl rand -hex 24",
	.check = check_key,
	.help = "The read key, with which scripts and finance tools may use the read calls; it changes nothing."},
    {.name = "REPORTD_URL",
	.kind = OM_CONF_TEXT,
	AT(reportd_url),
	.def = "tcp://127.0.0.1:45002",
	.max = 2048,
	.check = om_wire_urls_check,
	.help = "Where reportd listens; several URLs are separated by commas."},
    {.name = "SESSION_LIFETIME",
	.kind = OM_CONF_INT,
	AT(session_lifetime_s),
	.def = "21600",
	.min = 60,
	.max = 2592000,
	.unit = "s",
	.help = "How long a login lasts."},
    {.name = "SPOOL_DIR",
	.kind = OM_CONF_TEXT,
	AT(spool_dir),
	.max = 3072,
	.mend = "name a folder on a disk that survives a restart",
	.help = "The folder of the spool, which keeps accepted records until costd has stored them."},
    {.name = "SPOOL_LIMIT_BYTES",
	.kind = OM_CONF_INT,
	AT(spool_limit_bytes),
	.def = "1073741824",
	.min = 65536,
	.max = 1099511627776,
	.unit = "bytes",
	.help = "Records waiting in the spool beyond this size are refused with 503 until costd has caught up."},
    {.name = "STRANGER_TIMEOUT",
	.kind = OM_CONF_INT,
	AT(stranger_timeout_s),
	.def = "5",
	.min = 1,
	.max = 600,
	.unit = "s",
	.help = "How long the head of a request may take to arrive, and the body of one without a valid key or "
		"session."},
    OM_SETTING_TOLD_USERS(struct gw_conf),
    {.name = "TRUSTED_PROXIES",
	.kind = OM_CONF_TEXT,
	AT(trusted_proxies),
	.optional = true,
	.max = 4096,
	.check = gw_proxy_check,
	.help = "Addresses or networks (10.0.0.0/8), separated by commas, whose X-Forwarded-For and -Proto are "
		"believed."},
    OM_WIRE_SETTING_KEY_GATEWAY(struct gw_conf),
    OM_WIRE_SETTING_TLS(struct gw_conf),
    OM_WIRE_SETTING_WITHOUT_MAC(struct gw_conf),
};

om_status
gw_conf_check(const struct gw_conf *c, om_err *e)
{
	if (c->read_api_key != NULL && om_secret_equal(c->read_api_key, c->api_key))
		return om_fail(e, OM_INVALID,
		    "READ_API_KEY: must differ from API_KEY; make another one with: openssl "
		    "rand -hex 24");
	return OM_OK;
}
