/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * terms_fixture.h - what the tests of terms share: a database, offers of settings, changes
 * by the API, and what a month is charged.  All fail the test when they fail.
 */
#ifndef CD_TERMS_FIXTURE_H
#define CD_TERMS_FIXTURE_H

#include "database_fixture.h"

#include "terms/rows.h"
#include "terms.pb-c.h"
#include "base/zone.h"

#include <stdbool.h>

#define TX_OCT   om_day_from_civil(2026, 10, 1)
#define TX_NOV   om_day_from_civil(2026, 11, 1)
#define TX_DEC   om_day_from_civil(2026, 12, 1)
#define TX_NOW   (om_zone_day_start(om_day_from_civil(2026, 11, 20)) + OM_SECOND)
#define TX_LATER (om_zone_day_start(om_day_from_civil(2026, 12, 20)))

extern struct fx tx; /* opened and closed by each test */

char *tx_text(const char *t);

/* ---- what is said ---- */

Om__Terms *tx_make(const char *markup, const char *tax);
Om__Terms *tx_in_eur(Om__Terms *t, const char *rate, const char *date);

om_status tx_try_offer(unsigned char instance, Om__Terms *t, om_time now, char **conflict, om_err *e);
/* tx_offer gives the conflict. */
const char *tx_offer(unsigned char instance, Om__Terms *t, om_time now);

om_status tx_try_change(om_day from, Om__Terms *t, const char *unset, bool withdrawn, om_time now, om_err *e);
void tx_change(om_day from, Om__Terms *t, const char *unset);
void tx_withdraw(om_day from);

/* ---- what became of it ---- */

Om__Terms *tx_of_month(om_day first);
void tx_assert_month(om_day first, const char *markup, const char *tax);
Om__TermsReply tx_all(om_time now);
int64_t tx_rows(void);

#endif
