/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * door_in.h - what door.c and crowd.c share: the list of connections, and who has to make room.
 */
#ifndef GW_DOOR_IN_H
#define GW_DOOR_IN_H

#include "door.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define GW_KEY_BYTES 16
#define GW_NEVER_MS  INT64_MAX

enum gw_conn_state {
	GW_AWAITING, /* a head, or a worker */
	GW_AT_WORK,
	GW_IN_BODY,
	GW_IN_REPLY,
};

struct gw_conn {
	/* door->lock */
	int fd; /* -1: this place is free */
	enum gw_conn_state state;
	int64_t since_ms;    /* when it came into that state */
	int64_t deadline_ms; /* GW_NEVER_MS: none */
	bool late, cut;
	bool seen, spared;               /* by crowd.c, within one look */
	bool proven;                     /* a valid key or session was shown on it */
	bool direct;                     /* it is not a proxy's: it is counted by its address */
	unsigned char key[GW_KEY_BYTES]; /* whose it is: the peer's address, or the one that its proxy told */
	struct in_addr peer;
	in_port_t peer_port; /* network order */
	struct gw_door *door;

	/* the worker's */
	bool past_head;
	const char *fault;
	om_status fault_status;
};

struct gw_door {
	struct gw_door_opts opts;
	size_t strangers; /* connections without a valid key or session that may be served */
	pthread_t thread;
	atomic_bool stopping;

	pthread_mutex_t lock;
	pthread_cond_t wake; /* an earlier deadline, too many, or the end */
	bool end;
	int64_t look_ms;       /* when the thread looks again by itself */
	int64_t looked_ms;     /* when it looked last */
	struct gw_conn *conns; /* owned; opts.most of them */
};

/* All of these with the lock. */

/* gw_crowd_is_dense tells whether one address, or all together, can have too many. */
bool gw_crowd_is_dense(const struct gw_door *d);

/* gw_crowd_thin cuts off who has to make room; true when there are still too many, of which some are too new. */
bool gw_crowd_thin(struct gw_door *d, int64_t now_ms);

/* gw_crowd_end_late ends a connection's wait, as its deadline has passed. */
void gw_crowd_end_late(struct gw_conn *c);

#endif
