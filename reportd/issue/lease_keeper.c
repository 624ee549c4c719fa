/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lease_keeper.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "base/sync.h"

#include <stdio.h>

static void *
keep_until_stopped(void *arg)
{
	struct rd_lease_keeper *k = arg;
	bool stop = false;

	om_log_request(k->request_id[0] != '\0' ? k->request_id : NULL);
	while (!stop) {
		int64_t until = om_mono_ms() + k->every_ms;
		om_err e = {.text = ""};
		om_status s;

		(void)pthread_mutex_lock(&k->lock);
		while (!k->stop && om_cond_wait(&k->wake, &k->lock, until))
			continue;
		stop = k->stop;
		(void)pthread_mutex_unlock(&k->lock);
		if (stop)
			break;
		s = k->keep(k->arg, &e);
		if (s != OM_OK)
			om_log(
			    OM_LOG_WARN, "costd could not be told that work goes on", "why", om_err_text(&e, s), NULL);
	}
	return NULL;
}

om_status
rd_lease_keeper_start(struct rd_lease_keeper *k, int64_t every_ms, rd_lease_keep_fn *keep, void *arg, om_err *e)
{
	om_check(keep != NULL && every_ms > 0);
	*k = (struct rd_lease_keeper){.keep = keep, .arg = arg, .every_ms = every_ms};
	(void)snprintf(k->request_id, sizeof k->request_id, "%s", om_log_request_id());
	(void)pthread_mutex_init(&k->lock, NULL);
	om_cond_init(&k->wake);
	if (pthread_create(&k->thread, NULL, keep_until_stopped, k) == 0)
		return OM_OK;
	(void)pthread_cond_destroy(&k->wake);
	(void)pthread_mutex_destroy(&k->lock);
	return om_fail(e, OM_NOMEM, "cannot start a thread");
}

void
rd_lease_keeper_stop(struct rd_lease_keeper *k)
{
	(void)pthread_mutex_lock(&k->lock);
	k->stop = true;
	(void)pthread_cond_signal(&k->wake);
	(void)pthread_mutex_unlock(&k->lock);
	(void)pthread_join(k->thread, NULL);
	(void)pthread_cond_destroy(&k->wake);
	(void)pthread_mutex_destroy(&k->lock);
}
