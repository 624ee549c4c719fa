/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_BYTES 256

struct gw_hosts {
	const char *public_url; /* borrowed; NULL: none */
	const char *allowed;
};

/* is_port: nothing, or a colon and digits. */
static bool
is_port(const char *text, size_t n)
{
	if (n > 0 && text[0] != ':')
		return false;
	for (size_t i = 1; i < n; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return n != 1;
}

/* cut copies the host of "host:port" or "[address]:port", n bytes, without its port and a dot at its end. */
static bool
cut(const char *text, size_t n, char out[NAME_BYTES])
{
	const char *end = text[0] == '[' ? memchr(text, ']', n) : memchr(text, ':', n);
	size_t len = end != NULL ? (size_t)(end - text) : n;
	size_t used = len + (text[0] == '[' && end != NULL);

	if ((text[0] == '[' && end == NULL) || !is_port(text + used, n - used))
		return false;
	if (text[0] == '[') {
		text++;
		len--;
	}
	while (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len >= NAME_BYTES)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool
is_name(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";

	return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

static bool
is_local(const char *host)
{
	unsigned char address[16];
	size_t n = strlen(host);

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1 ||
	    strchr(host, '.') == NULL || (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

/* of_url gives the host of an http(s) URL; reportd has the same setting, and prints a path that it may have. */
static bool
of_url(const char *url, char out[NAME_BYTES])
{
	size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
	size_t n = strcspn(url + scheme, "/");

	return scheme != 0 && n > 0 && cut(url + scheme, n, out) && is_name(out);
}

om_status
gw_public_url_check(const char *url, om_err *e)
{
	char host[NAME_BYTES];

	if (!of_url(url, host))
		return om_fail(e, OM_INVALID, "must be a URL like https://metering.example.org");
	return OM_OK;
}

/* next gives the next name of a list and steps over it; false at the end, or (*good false) where it is none. */
static bool
next(const char **list, char out[NAME_BYTES], bool *good)
{
	size_t n;

	*list += strspn(*list, ", ");
	n = strcspn(*list, ", ");
	if (n == 0)
		return false;
	*good = cut(*list, n, out) && is_name(out);
	*list += n;
	return *good;
}

om_status
gw_hosts_check(const char *list, om_err *e)
{
	char name[NAME_BYTES];
	bool good = true;

	while (next(&list, name, &good))
		continue;
	return good ? OM_OK
		    : om_fail(e, OM_INVALID, "must be names of hosts separated by commas, like metering.example.org");
}

om_status
gw_hosts_new(const char *public_url, const char *allowed, struct gw_hosts **out, om_err *e)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(*out)->public_url = public_url;
	(*out)->allowed = allowed;
	return OM_OK;
}

void
gw_hosts_free(struct gw_hosts **h)
{
	free(*h);
	*h = NULL;
}

static bool
is_ours(const struct gw_hosts *h, const char *host)
{
	const char *list = h->allowed != NULL ? h->allowed : "";
	char name[NAME_BYTES];
	bool good = true;

	if (h->public_url != NULL && of_url(h->public_url, name) && strcasecmp(name, host) == 0)
		return true;
	while (next(&list, name, &good))
		if (strcasecmp(name, host) == 0)
			return true;
	return is_local(host);
}

om_status
gw_hosts_allow(const struct gw_hosts *h, const struct gw_req *rq, om_err *e)
{
	const char *given = gw_req_header(rq, "Host");
	bool open = h->public_url == NULL && h->allowed == NULL && rq->by_proxy;
	char host[NAME_BYTES];

	if (given == NULL || open) /* without one it is HTTP/1.0, which no browser speaks */
		return OM_OK;
	if (cut(given, strlen(given), host) && is_name(host) && is_ours(h, host))
		return OM_OK;
	return om_fail(e, OM_MISDIRECTED,
	    "this gateway is not called by that name; ALLOWED_HOSTS or PUBLIC_URL says by which ones it is");
}
