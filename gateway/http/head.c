/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "head.h"

#include <string.h>
#include <time.h>

static const char security_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), "
    "fullscreen=(), "
    "geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), "
    "publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()\r\n";

bool
gw_head_whole(const struct gw_header *headers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *colon = headers[i].name + strlen(headers[i].name);
		const char *end = headers[i].value + strlen(headers[i].value) + 1; /* after the CR */

		if (headers[i].name[0] == '\0' || (colon[1] == '\0' && headers[i].value != colon + 1) || *end != '\0')
			return false; /* a space before the colon; a line feed alone */
		if (i + 1 < n && headers[i + 1].name != end + 1)
			return false;
		if (i + 1 == n && end[1] != '\r') /* of the empty line */
			return false;
	}
	return true;
}

/* date_now is made once a second on each thread. */
static const char *
date_now(void)
{
	static _Thread_local char text[64];
	static _Thread_local time_t made_at;
	time_t now = time(NULL);
	struct tm tm;

	if (now == made_at && text[0] != '\0')
		return text;
	made_at = now;
	if (gmtime_r(&now, &tm) == NULL || strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
		text[0] = '\0';
	return text;
}

static void
write_line(struct om_buf *out, const char *name, const char *value)
{
	om_buf_str(out, name);
	om_buf_str(out, value);
	om_buf_str(out, "\r\n");
}

void
gw_head_write(
    struct om_buf *out, const struct gw_req *rq, const struct gw_reply *rp, size_t n_body, bool chunked, bool keep)
{
	const char *date = date_now();

	om_buf_printf(out, "HTTP/1.1 %d %s\r\n", rp->status, gw_http_reason(rp->status));
	if (date[0] != '\0')
		write_line(out, "Date: ", date);
	if (rp->type != NULL)
		write_line(out, "Content-Type: ", rp->type);
	if (rp->send != NULL && chunked)
		om_buf_str(out, "Transfer-Encoding: chunked\r\n");
	else if ((rp->send == NULL || rp->has_length) && rp->status != 204 && rp->status != 304)
		om_buf_printf(out, "Content-Length: %zu\r\n", n_body);
	write_line(out, "Cache-Control: ", rp->cache_control != NULL ? rp->cache_control : "no-store");
	om_buf_str(out, security_headers);
	write_line(out, "X-Request-Id: ", rq->request_id);
	om_buf_str(out, keep ? "Keep-Alive: " GW_IDLE_HINT "\r\n" : "Connection: close\r\n");
	om_buf_add(out, rp->headers.data != NULL ? rp->headers.data : "", rp->headers.len);
	om_buf_str(out, "\r\n");
}
