/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "access_in.h"

#include "ended.h"
#include "session.h"
#include "throttle.h"
#include "base/invariant.h"
#include "base/log.h"

#include <stdlib.h>

/* remember_ended takes an ended session from the table. */
static void
remember_ended(void *arg, const struct gw_session *ended)
{
	struct gw_access *a = arg;

	if (gw_sessions_end(a->sessions, ended->id, ended->expires_at, om_now(), NULL) != OM_OK)
		om_log(OM_LOG_WARN, "an ended session could not be stored", NULL);
}

om_status
gw_access_open(const struct gw_access_opts *o, struct gw_access **out, om_err *e)
{
	struct gw_access *a = calloc(1, sizeof *a);
	om_status s;

	*out = NULL;
	if (a == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_check(o->api_key != NULL && o->jwt_secret != NULL);
	a->opts = *o;
	if ((s = gw_sessions_new(o->jwt_secret, &a->sessions, e)) != OM_OK ||
	    (s = gw_throttle_new(true, &a->passwords, e)) != OM_OK ||
	    (s = gw_throttle_new(false, &a->codes, e)) != OM_OK ||
	    (o->spool != NULL && (s = gw_ended_open(o->spool, remember_ended, a, e)) != OM_OK)) {
		gw_access_close(&a);
		return s;
	}
	*out = a;
	return OM_OK;
}

void
gw_access_close(struct gw_access **ap)
{
	struct gw_access *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	gw_throttle_free(&a->passwords);
	gw_throttle_free(&a->codes);
	gw_sessions_free(&a->sessions);
	free(a);
}

bool
gw_access_runs(struct gw_access *a, const struct gw_session *session)
{
	return gw_sessions_runs(a->sessions, session, om_now());
}

struct gw_throttle *
gw_access_codes(struct gw_access *a)
{
	return a->codes;
}

om_status
gw_access_end(struct gw_access *a, const struct gw_session *session, om_err *e)
{
	om_status s = gw_sessions_end(a->sessions, session->id, session->expires_at, om_now(), e);

	return s == OM_OK && a->opts.spool != NULL ? gw_ended_keep(a->opts.spool, session, e) : s;
}
