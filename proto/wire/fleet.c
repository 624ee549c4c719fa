/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fleet.h"

#include "socket.h"
#include "base/clock.h"
#include "base/invariant.h"

#include <stdatomic.h>
#include <stdlib.h>

struct om_fleet {
	struct om_wire_client *client[OM_WIRE_MAX_URLS]; /* owned */
	unsigned n;
	atomic_uint turn;
	atomic_bool hurried;
};

om_status
om_fleet_open(const struct om_wire_client_opts *o, struct om_fleet **out, om_err *e)
{
	struct om_fleet *f = calloc(1, sizeof *f);
	struct om_wire_client_opts one = *o;
	struct om_urls urls;
	om_status s;

	*out = NULL;
	if (f == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = om_urls_split(o->urls, &urls, e);
	for (unsigned i = 0; s == OM_OK && i < urls.n; i++) {
		one.urls = urls.url[i];
		s = om_wire_client_open(&one, &f->client[i], e);
		if (s == OM_OK)
			f->n++;
	}
	if (s != OM_OK) {
		om_fleet_free(&f);
		return s;
	}
	*out = f;
	return OM_OK;
}

void
om_fleet_free(struct om_fleet **fp)
{
	struct om_fleet *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	for (unsigned i = 0; i < f->n; i++)
		om_wire_client_free(&f->client[i]);
	free(f);
}

unsigned
om_fleet_size(const struct om_fleet *f)
{
	return f->n;
}

struct om_wire_client *
om_fleet_at(const struct om_fleet *f, unsigned i)
{
	om_check(i < f->n);
	return f->client[i];
}

unsigned
om_fleet_connected(const struct om_fleet *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->n; i++)
		n += om_wire_connected(f->client[i]);
	return n;
}

void
om_fleet_hurry(struct om_fleet *f, int ms)
{
	atomic_store(&f->hurried, true);
	for (unsigned i = 0; i < f->n; i++)
		om_wire_client_hurry(f->client[i], ms);
}

bool
om_fleet_hurried(const struct om_fleet *f)
{
	return atomic_load(&f->hurried);
}

om_status
om_fleet_call(struct om_fleet *f, Om__Request *req, int deadline_ms, struct om_arena *a, Om__Reply **reply_out,
    unsigned *at_out, om_err *e)
{
	unsigned first = atomic_fetch_add(&f->turn, 1) % f->n;
	int64_t until = om_mono_ms() + deadline_ms;
	om_status s = OM_UNAVAILABLE;
	bool tried[OM_WIRE_MAX_URLS] = {false};

	*reply_out = NULL;
	for (unsigned i = 0; i < 2 * f->n; i++) { /* those that are there, then the others */
		int64_t left = until - om_mono_ms();
		unsigned at = (first + i) % f->n;

		if (tried[at] || (i < f->n && om_wire_connected(f->client[at]) == 0))
			continue;
		if (i > 0 && left <= 0)
			break;
		tried[at] = true;
		*at_out = at;
		s = om_wire_call(f->client[at], req, (int)left, a, reply_out, e);
		if (s != OM_UNAVAILABLE && s != OM_THROTTLED)
			break;
	}
	return s;
}
