/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settings.h"

#include "base/digest.h"
#include "base/log.h"

#include <string.h>

bool
om_wire_allow_no_mac(const struct om_wire_settings *s)
{
	bool allow = strcmp(s->without_mac, "accept") == 0;

	if (allow)
		om_log(OM_LOG_WARN, "messages without a MAC are taken, from any program that connects", "mend",
		    "unset WIRE_WITHOUT_MAC when all services are updated", NULL);
	return allow;
}

bool
om_told_are_unknown(const char *told_users)
{
	return strcmp(told_users, "unknown") == 0;
}

om_status
om_wire_settings_check(const struct om_wire_settings *s, om_err *e)
{
	if (s->gateway_key != NULL && s->reportd_key != NULL && om_secret_equal(s->gateway_key, s->reportd_key))
		return om_fail(e, OM_INVALID,
		    "WIRE_KEY_REPORTD: must differ from WIRE_KEY_GATEWAY; make another one with: openssl rand -hex 32");
	return OM_OK;
}
