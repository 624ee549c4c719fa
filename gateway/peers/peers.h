/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * peers.h - costd and reportd, as the HTTP side asks them.
 *
 * Does      Asks a question and gives its reply (ask.h), has reportd make a file and sends
 *           it (job.h), looks every two seconds how costd is.
 * Owns      The connections to both.
 * Promises  Every question has a deadline, and its reply is of the kind asked for.  Whose
 *           fault a failure is, is decided in one place.
 * Never     Reads or writes JSON, or what a question means.
 * Failure   What a peer or the way to it cannot do is OM_UNAVAILABLE, with the
 *           reason; what the question got wrong stays what the peer said.
 * Threads   All calls from any thread; one thread of its own asks costd how it is.
 */
#ifndef GW_PEERS_H
#define GW_PEERS_H

#include "wire/fleet.h"
#include "wire/wire.h"

#include <stdbool.h>

#define GW_ZONE_BYTES 64

struct gw_peers;

struct gw_costd_status {
	bool reachable;
	bool database_ok;
	char timezone[GW_ZONE_BYTES]; /* "UTC" until costd was heard */
	bool has_first_day;
	int32_t first_day; /* the first local day with usage */
	int32_t today;     /* the running local day, when costd was heard, and its end */
	int64_t today_ends_us;
};

struct gw_peers_opts {
	const char *costd_urls; /* as om_wire_client_opts.urls; texts are borrowed until opened */
	const char *reportd_urls;
	struct om_wire_tls tls;
	const char *key; /* WIRE_KEY_GATEWAY; borrowed for as long as the peers are */
	bool allow_no_mac;
	int files; /* that may be waited for or sent at the same time */
};

om_status gw_peers_open(const struct gw_peers_opts *o, struct gw_peers **out, om_err *e) OM_MUST;
void gw_peers_close(struct gw_peers **p);

/* gw_peers_submit is the connection for batches, of the forwarder alone. */
struct om_wire_client *gw_peers_submit(struct gw_peers *p);

typedef enum gw_peer { GW_COSTD, GW_REPORTD } gw_peer;

/* gw_peers_reportds gives reportd's processes one by one, for jobs and documents. */
struct om_fleet *gw_peers_reportds(struct gw_peers *p);

/* gw_peers_files is how many files may be waited for or sent at the same time. */
int gw_peers_files(const struct gw_peers *p);

/* gw_peers_blame turns a peer's status into the caller's, as the questions do. */
om_status gw_peers_blame(om_status s, const om_err *why, om_err *e) OM_MUST;

/* gw_peers_metrics gives a peer's Prometheus text, NULL if it is not there at once. */
const char *gw_peers_costd_metrics(struct gw_peers *p, struct om_arena *a);
const char *gw_peers_reportd_metrics(struct gw_peers *p, struct om_arena *a);

/* gw_peers_today is the local day at an instant near to now. */
int32_t gw_peers_today(const struct gw_costd_status *s, int64_t now_us);

/* gw_peers_costd_status is what costd said within the last seconds. */
void gw_peers_costd_status(struct gw_peers *p, struct gw_costd_status *out);

#endif
