/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * lookup_fixture.h - records that wait for a cost, and the look-ups that bring it.
 */
#ifndef CD_LOOKUP_FIXTURE_H
#define CD_LOOKUP_FIXTURE_H

#include "fixture.h"

#include "ledger/lookup.h"

/* fx_submit_one sends one record, which must be new, in a batch of its own. */
void fx_submit_one(struct fx *f, Om__Record *r);

/* fx_look_up makes a record of what OpenRouter says when it is asked: it names no time. */
Om__Record *fx_look_up(struct fx *f, uint64_t id, const char *generation, const char *user, const char *cost);

/* fx_settle hands the ledger what a look-up brought. */
void fx_settle(struct fx *f, Om__Record *r);

/* fx_byok makes it a request on a key of one's own; upstream: that key's bill, NULL if it is
 * not known. */
Om__Record *fx_byok(Om__Record *r, const char *upstream, struct om_arena *a);

/* fx_claim gives what the next look-up of this generation is told, and takes the claim back. */
struct cd_lookup_claim fx_claim(struct fx *f, const char *generation);

#endif
