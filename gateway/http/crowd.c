/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "door_in.h"

#include "base/clock.h"
#include "base/stats.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define GRACE_MS 200 /* a connection's first bytes may be on their way as long as this */

#define CUT "owui_metering_connections_cut_total"
#define WHY "Connections that were cut off, and why: too many of one address or in all, or a deadline."

static struct om_stat st_address = OM_COUNTER(CUT, "reason=\"address\"", WHY);
static struct om_stat st_all = OM_COUNTER(CUT, "reason=\"all\"", WHY);
static struct om_stat st_head = OM_COUNTER(CUT, "reason=\"head\"", WHY);
static struct om_stat st_body = OM_COUNTER(CUT, "reason=\"body\"", WHY);
static struct om_stat st_reply = OM_COUNTER(CUT, "reason=\"reply\"", WHY);

static bool
is_counted(const struct gw_conn *c)
{
	return c->fd >= 0 && !c->cut && !c->late;
}

static bool
is_stranger(const struct gw_conn *c)
{
	return is_counted(c) && !c->proven;
}

/* by_address tells whether the connection counts as one of that address. */
static bool
by_address(const struct gw_conn *c, const unsigned char key[GW_KEY_BYTES])
{
	return is_stranger(c) && (c->direct || c->state == GW_IN_BODY || c->state == GW_IN_REPLY) &&
	    memcmp(c->key, key, GW_KEY_BYTES) == 0;
}

/* waits_for_worker tells whether bytes of its request are there and no worker has read them yet. */
static bool
waits_for_worker(const struct gw_conn *c)
{
	int n = 0;

	return c->state == GW_AWAITING && ioctl(c->fd, FIONREAD, &n) == 0 && n > 0;
}

/* may_go tells whether it waits for its peer, and has done so for long enough.  One that showed a key
 * may be cut off between two requests alone. */
static bool
may_go(const struct gw_conn *c, int64_t now)
{
	return is_counted(c) && c->state != GW_AT_WORK && (!c->proven || c->state == GW_AWAITING) && !c->spared &&
	    now - c->since_ms >= GRACE_MS;
}

static void
shut(struct gw_conn *c)
{
	(void)shutdown(c->fd, c->state == GW_IN_REPLY ? SHUT_RDWR : SHUT_RD);
}

static void
cut(struct gw_conn *c, struct om_stat *why)
{
	c->cut = true;
	om_stat_add(why, 1);
	shut(c);
}

/* oldest gives the one that has waited longest: of an address, or (NULL) of all, where those that
 * showed a key come last and only if they may be taken.  Each is asked of the kernel at most once. */
static struct gw_conn *
oldest(struct gw_door *d, const unsigned char *key, bool proven_too, int64_t now)
{
	struct gw_conn *found;

	do {
		found = NULL;
		for (size_t i = 0; i < d->opts.most; i++) {
			struct gw_conn *c = &d->conns[i];

			if (!may_go(c, now) || (key != NULL ? !by_address(c, key) : c->proven && !proven_too))
				continue;
			if (found == NULL || (found->proven && !c->proven) ||
			    (found->proven == c->proven && c->since_ms < found->since_ms))
				found = c;
		}
		if (found != NULL)
			found->spared = waits_for_worker(found);
	} while (found != NULL && found->spared);
	return found;
}

/* thin_address cuts off what an address has too much, of the n that it has; true when it still has. */
static bool
thin_address(struct gw_door *d, const unsigned char key[GW_KEY_BYTES], size_t n, int64_t now)
{
	for (; n > d->opts.per_address; n--) {
		struct gw_conn *c = oldest(d, key, false, now);

		if (c == NULL)
			return true;
		cut(c, &st_address);
	}
	return false;
}

/* thin_addresses does so for each address; each connection is looked at with the first of its address. */
static bool
thin_addresses(struct gw_door *d, int64_t now)
{
	bool more = false;

	for (size_t i = 0; i < d->opts.most; i++) {
		const unsigned char *key = d->conns[i].key;
		size_t n = 0;

		if (d->conns[i].seen || !by_address(&d->conns[i], key))
			continue;
		for (size_t k = i; k < d->opts.most; k++)
			if (by_address(&d->conns[k], key)) {
				d->conns[k].seen = true;
				n++;
			}
		more = thin_address(d, key, n, now) || more;
	}
	return more;
}

/* thin_all does the same for all together: strangers beyond their share, and anyone beyond the workers. */
static bool
thin_all(struct gw_door *d, int64_t now)
{
	size_t strangers = 0, all = 0;

	for (size_t i = 0; i < d->opts.most; i++) {
		strangers += is_stranger(&d->conns[i]);
		all += is_counted(&d->conns[i]);
	}
	while (strangers > d->strangers || all > d->opts.workers) {
		struct gw_conn *c = oldest(d, NULL, strangers <= d->strangers, now);

		if (c == NULL)
			return true;
		strangers -= !c->proven;
		all--;
		cut(c, &st_all);
	}
	return false;
}

bool
gw_crowd_is_dense(const struct gw_door *d)
{
	size_t strangers = 0, all = 0;

	for (size_t i = 0; i < d->opts.most; i++) {
		strangers += is_stranger(&d->conns[i]);
		all += is_counted(&d->conns[i]);
	}
	return strangers > d->opts.per_address || all > d->opts.workers;
}

bool
gw_crowd_thin(struct gw_door *d, int64_t now)
{
	bool more;

	if (!gw_crowd_is_dense(d))
		return false;
	for (size_t i = 0; i < d->opts.most; i++)
		d->conns[i].seen = d->conns[i].spared = false;
	more = thin_addresses(d, now);
	return thin_all(d, now) || more;
}

void
gw_crowd_end_late(struct gw_conn *c)
{
	struct om_stat *why = c->state == GW_IN_BODY ? &st_body : c->state == GW_IN_REPLY ? &st_reply : &st_head;

	c->deadline_ms = GW_NEVER_MS;
	c->late = true;
	om_stat_add(why, 1);
	shut(c);
}
