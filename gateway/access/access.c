/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "access_in.h"

#include "session.h"
#include "throttle.h"
#include "base/invariant.h"

#include <stdlib.h>

om_status
gw_access_open(const struct gw_access_opts *o, struct gw_access **out, om_err *e)
{
	struct gw_access *a = calloc(1, sizeof *a);
	om_status s;

	*out = NULL;
	if (a == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_check(o->api_key != NULL && o->jwt_secret != NULL && o->password_hash != NULL);
	a->opts = *o;
	if ((s = gw_keys_make(o->jwt_secret, o->password_hash, &a->keys)) != OM_OK ||
	    (s = gw_sessions_new(&a->keys, o->peers, &a->sessions, e)) != OM_OK ||
	    (s = gw_throttle_new(true, &a->passwords, e)) != OM_OK ||
	    (s = gw_throttle_new(false, &a->marks, e)) != OM_OK ||
	    (s = gw_throttle_new(false, &a->codes, e)) != OM_OK) {
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
	gw_throttle_free(&a->marks);
	gw_throttle_free(&a->codes);
	gw_sessions_free(&a->sessions);
	om_secret_clear(&a->keys, sizeof a->keys);
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
