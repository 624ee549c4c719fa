/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * change.h - the terms as the API shows and changes them.
 */
#ifndef CD_TERMS_CHANGE_H
#define CD_TERMS_CHANGE_H

#include "database/pool.h"
#include "terms.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

#define CD_TERMS_MAX 10000 /* rows of the history, beyond which a person adds none */

/* cd_terms_read gives the whole history, and the conflict if there is one. */
om_status cd_terms_read(
    struct cd_pool *p, om_time now, int64_t deadline_ms, struct om_arena *a, Om__TermsReply *out, om_err *e) OM_MUST;

/* cd_terms_change adds a row and gives the history after it.  OM_INVALID names the
 * member that is none; OM_NOT_FOUND: nothing counts of the day that is to be withdrawn. */
om_status cd_terms_change(struct cd_pool *p, const Om__TermsChange *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, Om__TermsReply *out, om_err *e) OM_MUST;

#endif
