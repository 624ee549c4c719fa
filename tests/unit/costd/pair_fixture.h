/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pair_fixture.h - what the tests of pairing share: one ledger on a real database,
 * records of generations and of turns, and what must hold after each batch.
 */
#ifndef CD_PAIR_FIXTURE_H
#define CD_PAIR_FIXTURE_H

#include "fixture.h"
#include "record.pb-c.h"

#define PF_NOW ((om_time)1795000000 * OM_SECOND)

extern struct fx pf; /* opened by pf_set_up; fx_close ends it */
extern uint64_t pf_next_seq;

void pf_set_up(void);

/* pf_record is one of a generation (id) or a turn, with 25 and 7 tokens. */
Om__Record *pf_record(const char *id, const char *turn, const char *user, const char *cost, om_time at);
/* pf_look_up is a record of a look-up, with tokens of its own. */
Om__Record *pf_look_up(const char *id, const char *cost, om_time at);
void pf_send(Om__Record *r);

/* pf_holds: rows, links and totals are what the journal makes of them. */
void pf_holds(void);

/* All rows, and all links, as text. */
char *pf_rows(void);
char *pf_links(void);

#endif
