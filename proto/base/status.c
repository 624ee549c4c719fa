/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>

const char *
om_status_text(om_status s)
{
	switch (s) {
#define OM_STATUS(name, code, http, text) \
	case OM_##name:                   \
		return (text);
#include "status.def"
#undef OM_STATUS
	}
	return "unknown status";
}

int
om_status_http(om_status s)
{
	switch (s) {
#define OM_STATUS(name, code, http, text) \
	case OM_##name:                   \
		return (http);
#include "status.def"
#undef OM_STATUS
	}
	return 500;
}

om_status
om_status_from_code(unsigned code)
{
	switch (code) {
#define OM_STATUS(name, num, http, text) \
	case (num):                      \
		return OM_##name;
#include "status.def"
#undef OM_STATUS
	default:
		return OM_PROTOCOL;
	}
}

void
om_err_write(om_err *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
}

const char *
om_err_text(const om_err *e, om_status s)
{
	return e != NULL && e->text[0] != '\0' ? e->text : om_status_text(s);
}
