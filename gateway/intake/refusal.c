/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "refusal.h"

#include "spool/spool.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define LOG_EVERY_MS  1000
#define PROGRAM_BYTES 64

void
gw_refusals_add(struct gw_refusals *r, const char *reason, int64_t count)
{
	size_t i = 0;

	while (i < r->n && strcmp(r->of[i].reason, reason) != 0)
		i++;
	if (i == sizeof r->of / sizeof r->of[0] || count <= 0)
		return; /* no call that takes records has so many reasons */
	if (i == r->n)
		r->n++;
	r->of[i].reason = reason;
	r->of[i].count += count;
}

/* name_sender writes the address and what the program calls itself, as far as that is
 * printable. */
static void
name_sender(const struct gw_req *rq, char out[GW_SENDER])
{
	const char *program = gw_req_header(rq, "User-Agent");
	int n = snprintf(out, GW_SENDER, "%s", rq->client);

	if (program == NULL || n < 0 || n + PROGRAM_BYTES + 2 > GW_SENDER)
		return;
	out[n++] = ' ';
	for (int i = 0; i < PROGRAM_BYTES && program[i] != '\0'; i++)
		out[n++] = (char)(program[i] < ' ' || program[i] > '~' ? '?' : program[i]);
	out[n] = '\0';
}

/* tell logs at most one line each second; the next one counts what it left out. */
static void
tell(const char *door, const char *reason, int64_t count)
{
	static _Atomic int64_t last_ms = -LOG_EVERY_MS, untold;
	int64_t now = om_mono_ms(), last = atomic_load(&last_ms);

	atomic_fetch_add(&untold, count);
	if (now - last < LOG_EVERY_MS || !atomic_compare_exchange_strong(&last_ms, &last, now))
		return;
	om_log(OM_LOG_WARN, "refused what was sent", "door", door, "reason", reason, "count",
	    OM_I64(atomic_exchange(&untold, 0)), NULL);
}

void
gw_refusals_keep(struct gw_spool *spool, const struct gw_req *rq, const char *door, const struct gw_refusals *r)
{
	char sender[GW_SENDER];

	name_sender(rq, sender);
	for (size_t i = 0; i < r->n; i++) {
		const struct gw_refusal line = {.door = door,
		    .sender = sender,
		    .reason = r->of[i].reason,
		    .count = r->of[i].count,
		    .last_us = om_now()};

		tell(door, r->of[i].reason, r->of[i].count);
		if (gw_spool_refuse(spool, &line, NULL) != OM_OK)
			om_log(OM_LOG_DEBUG, "a refusal could not be kept", "door", door, NULL);
	}
}

void
gw_refusals_keep_body(struct gw_spool *spool, const struct gw_req *rq, const char *door, const char *reason)
{
	struct gw_refusals r = {.n = 0};

	gw_refusals_add(&r, reason, 1);
	gw_refusals_keep(spool, rq, door, &r);
}
