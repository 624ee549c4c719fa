/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "mark.h"

#include <stdio.h>

om_status
gw_mark_make(const struct gw_keys *keys, om_time now, char out[GW_SIGNED_TEXT], om_err *e)
{
	return gw_signed_make(keys->mark, now + GW_MARK_S * OM_SECOND, out, e);
}

bool
gw_mark_read(const struct gw_keys *keys, const char *text, om_time now, char name_out[GW_ADDRESS])
{
	om_time ends = 0;

	if (!gw_signed_read(keys->mark, text, &ends) || ends <= now)
		return false;
	(void)snprintf(name_out, GW_ADDRESS, "mark:%.32s", text);
	return true;
}
