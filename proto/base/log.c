/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "clock.h"
#include "digest.h"
#include "log.h"
#include "text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096

static const char *service_name = "owui-metering";
static om_log_level least_level = OM_LOG_INFO;
static _Thread_local char request_id[OM_REQUEST_ID];

struct line {
	char text[LINE_BYTES];
	size_t n;
};

void
om_log_init(const char *service, om_log_level least)
{
	service_name = service;
	least_level = least;
}

const char *
om_log_service(void)
{
	return service_name;
}

const char *
om_i64_text(char buf[24], int64_t v)
{
	(void)snprintf(buf, 24, "%lld", (long long)v);
	return buf;
}

/* put leaves room for the closing newline; what does not fit is cut. */
static void
put(struct line *l, const char *s, size_t n)
{
	if (n > sizeof l->text - 1 - l->n)
		n = sizeof l->text - 1 - l->n;
	memcpy(l->text + l->n, s, n);
	l->n += n;
}

static bool
is_bare(const char *v)
{
	if (*v == '\0')
		return false;
	for (; *v != '\0'; v++)
		if (*v <= ' ' || *v == '"' || *v == '=' || *v == '\\' || *v > '~')
			return false;
	return true;
}

/* put_pair cuts a long value between two characters, and says how long it was. */
static void
put_pair(struct line *l, const char *key, const char *value)
{
	const size_t whole = strlen(value);
	const char *end = value + (whole < OM_LOG_VALUE ? whole : OM_LOG_VALUE);
	const bool cut = value + whole > end;

	if (l->n > 0)
		put(l, " ", 1);
	put(l, key, strlen(key));
	put(l, "=", 1);
	if (!cut && is_bare(value)) {
		put(l, value, whole);
		return;
	}
	while (cut && ((unsigned char)*end & 0xc0u) == 0x80u && end > value) /* inside a character */
		end--;
	put(l, "\"", 1);
	while (value < end) {
		const char *at = value;
		uint32_t cp = om_utf8_next(&value, end);
		char esc[12];

		if (cp == '"' || cp == '\\') {
			put(l, "\\", 1);
			put(l, at, 1);
		} else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029) {
			put(l, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", (unsigned)cp));
		} else if (cp == 0xfffd) {
			put(l, "\xef\xbf\xbd", 3);
		} else {
			put(l, at, (size_t)(value - at));
		}
	}
	put(l, "\"", 1);
	if (cut) {
		char bytes[24];

		put(l, " ", 1);
		put(l, key, strlen(key));
		put(l, "_bytes=", 7);
		(void)om_i64_text(bytes, (int64_t)whole);
		put(l, bytes, strlen(bytes));
	}
}

void
om_log(om_log_level level, const char *msg, ...)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	struct line l = {.n = 0};
	char ts[OM_TIME_TEXT];
	const char *key;
	va_list ap;

	if (level < least_level)
		return;
	put_pair(&l, "ts", om_time_text(om_now(), ts));
	put_pair(&l, "level", names[level]);
	put_pair(&l, "service", service_name);
	put_pair(&l, "msg", msg);
	if (request_id[0] != '\0') /* in front of what a sender can make long */
		put_pair(&l, "request_id", request_id);
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *)) != NULL) {
		const char *value = va_arg(ap, const char *);

		if (value == NULL)
			continue;
		put_pair(&l, key, value);
	}
	va_end(ap);
	l.text[l.n++] = '\n';
	if (write(STDERR_FILENO, l.text, l.n) < 0)
		return; /* there is no other place to report it */
}

void
om_log_request(const char *id)
{
	(void)snprintf(request_id, sizeof request_id, "%s", id != NULL ? id : "");
}

const char *
om_log_request_id(void)
{
	return request_id;
}

void
om_request_id_make(char out[OM_REQUEST_ID])
{
	unsigned char raw[16];

	if (om_random(raw, sizeof raw, NULL) != OM_OK)
		memset(raw, 0, sizeof raw);
	om_hex(raw, sizeof raw, out);
}
