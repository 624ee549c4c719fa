/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_NETWORKS 64

/* Every address as 16 bytes, IPv4 mapped into IPv6. */
struct network {
	unsigned char bytes[16];
	unsigned bits;
};

struct gw_proxies {
	size_t n;
	struct network net[MAX_NETWORKS];
};

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
parse_address(const char *text, unsigned char out[16], bool *is_v4)
{
	*is_v4 = inet_pton(AF_INET, text, out + 12) == 1;
	if (*is_v4) {
		memcpy(out, mapped, sizeof mapped);
		return true;
	}
	return inet_pton(AF_INET6, text, out) == 1;
}

/* print_address writes an address in its one form, an IPv4 address mapped into IPv6 as IPv4. */
static void
print_address(const unsigned char a[16], char out[GW_ADDRESS])
{
	const bool v4 = memcmp(a, mapped, sizeof mapped) == 0;

	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a + 12 : a, out, GW_ADDRESS) == NULL)
		out[0] = '\0';
}

void
gw_address_key(const char *address, unsigned char out[16])
{
	bool v4 = false;

	if (!parse_address(address, out, &v4))
		memset(out, 0, 16);
	else if (memcmp(out, mapped, sizeof mapped) != 0)
		memset(out + 8, 0, 8);
}

static bool
parse_network(const char *text, struct network *out)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;
	bool v4;
	char *end;

	if (n >= sizeof address)
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!parse_address(address, out->bytes, &v4))
		return false;
	if (slash == NULL) {
		out->bits = 128;
		return true;
	}
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || bits > (v4 ? 32 : 128))
		return false;
	out->bits = (unsigned)bits + (v4 ? 96 : 0);
	return true;
}

static om_status
parse_list(const char *list, struct gw_proxies *out, om_err *e)
{
	char one[64];

	out->n = 0;
	for (;;) {
		size_t n;

		list += strspn(list, ", ");
		if (*list == '\0')
			return OM_OK;
		n = strcspn(list, ", ");
		if (n < sizeof one) {
			memcpy(one, list, n);
			one[n] = '\0';
		}
		if (n >= sizeof one || out->n == MAX_NETWORKS || !parse_network(one, &out->net[out->n]))
			return om_fail(e, OM_INVALID,
			    "must be at most %d addresses or networks like 10.0.0.1, 172.16.0.0/12", MAX_NETWORKS);
		out->n++;
		list += n;
	}
}

om_status
gw_proxy_check(const char *list, om_err *e)
{
	struct gw_proxies p;

	return parse_list(list, &p, e);
}

om_status
gw_proxies_new(const char *list, struct gw_proxies **out, om_err *e)
{
	om_status s;

	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = list != NULL ? parse_list(list, *out, e) : OM_OK;
	if (s != OM_OK)
		gw_proxies_free(out);
	return s;
}

void
gw_proxies_free(struct gw_proxies **p)
{
	free(*p);
	*p = NULL;
}

bool
gw_proxies_trust(const struct gw_proxies *p, const char *address)
{
	unsigned char a[16];
	bool v4;

	if (!parse_address(address, a, &v4))
		return false;
	for (size_t i = 0; i < p->n; i++) {
		const struct network *n = &p->net[i];
		size_t whole = n->bits / 8;
		unsigned rest = n->bits % 8;
		unsigned mask = rest == 0 ? 0 : 0xffu << (8 - rest) & 0xffu;

		if (memcmp(a, n->bytes, whole) == 0 && (rest == 0 || ((a[whole] ^ n->bytes[whole]) & mask) == 0))
			return true;
	}
	return false;
}

/* take_last cuts the last address off a comma list of *n bytes. */
static bool
take_last(const char *list, size_t *n, char out[GW_ADDRESS])
{
	size_t end = *n, start;

	while (end > 0 && strchr(", \t", list[end - 1]) != NULL)
		end--;
	start = end;
	while (start > 0 && list[start - 1] != ',')
		start--;
	*n = start;
	while (start < end && (list[start] == ' ' || list[start] == '\t'))
		start++;
	if (end == start || end - start >= GW_ADDRESS)
		return false;
	memcpy(out, list + start, end - start);
	out[end - start] = '\0';
	return true;
}

void
gw_proxies_apply(const struct gw_proxies *p, struct gw_req *rq)
{
	unsigned char bytes[16];
	const char *proto;
	size_t i = rq->n_headers;
	bool v4;

	if (parse_address(rq->remote, bytes, &v4))
		print_address(bytes, rq->client);
	else
		(void)snprintf(rq->client, sizeof rq->client, "%s", rq->remote);
	rq->https = false;
	rq->by_proxy = gw_proxies_trust(p, rq->remote);
	if (!rq->by_proxy)
		return;
	proto = gw_req_header(rq, "X-Forwarded-Proto");
	rq->https = proto != NULL && strcasecmp(proto, "https") == 0;
	/* from the last line and its end backwards: each hop added itself there */
	while (i-- > 0) {
		const char *list = rq->headers[i].value;
		size_t n = strlen(list);
		char address[GW_ADDRESS];

		if (strcasecmp(rq->headers[i].name, "X-Forwarded-For") != 0)
			continue;
		while (take_last(list, &n, address)) {
			if (!parse_address(address, bytes, &v4))
				return;
			print_address(bytes, rq->client);
			if (!gw_proxies_trust(p, address))
				return;
		}
	}
}
