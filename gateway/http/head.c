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

size_t
gw_head_end(const char *head, size_t n, size_t *at, const char **why)
{
	*why = n > 0 && ((unsigned char)head[0] <= ' ' || head[0] == 0x7f) ? "nothing may stand before the request line"
									   : NULL;
	for (size_t i = *at; i < n && *why == NULL; i++) {
		const unsigned char c = (unsigned char)head[i];

		*at = i;
		if (c == '\r' && i + 1 == n)
			return 0; /* what follows it is not there yet */
		if (c == '\n' && (i == 0 || head[i - 1] != '\r'))
			*why = "a line feed stands alone";
		else if (c == '\r' && head[i + 1] != '\n')
			*why = "a carriage return stands alone";
		else if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
			*why = "the head has a control character";
		else if (c == '\n' && i >= 3 && head[i - 2] == '\n')
			return i + 1;
	}
	*at = n;
	return 0;
}

/* skip_token gives what follows a method or the name of a header. */
static const char *
skip_token(const char *p)
{
	while ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
	    (*p != '\0' && strchr("!#$%&'*+-.^_`|~", *p) != NULL))
		p++;
	return p;
}

/* begins looks at no byte after the first that differs: there is no zero at the end of a head. */
static bool
begins(const char *p, const char *with)
{
	while (*with != '\0' && *p == *with) {
		p++;
		with++;
	}
	return *with == '\0';
}

/* request_line tells why it is refused; *p comes to stand on its CR. */
static const char *
request_line(const char **p)
{
	const char *method = *p, *target = skip_token(method) + 1;

	if (target - 1 == method || target[-1] != ' ')
		return "the request line does not begin with a method and one blank";
	if (*target != '/')
		return "the target is not a path of this server";
	for (*p = target; **p > ' ' && **p < 0x7f; (*p)++)
		;
	if (!begins(*p, " HTTP/1.0\r") && !begins(*p, " HTTP/1.1\r"))
		return "the request line does not end with a path, one blank and HTTP/1.1";
	*p += 9;
	return NULL;
}

const char *
gw_head_fault(const char *head, size_t n)
{
	const char *p = head, *end = head + n - 2; /* the CR of the empty line */
	const char *why = request_line(&p);

	while (why == NULL && (p += 2) < end) { /* each line ends in CR LF, which gw_head_end saw to */
		const char *name = p;

		p = skip_token(name);
		if (*name == ' ' || *name == '\t')
			why = "a header line begins with a blank";
		else if (p == name || *p != ':')
			why = "a header line does not begin with a name and a colon";
		while (why == NULL && *p != '\r')
			p++;
	}
	return why;
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
