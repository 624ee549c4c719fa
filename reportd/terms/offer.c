/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "offer.h"

#include "envelope.pb-c.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_MS     15000
#define GOODBYE_MS  1000
#define INSTANCE    8
#define CONFLICT    400
#define REPLY_BYTES ((size_t)256 * 1024)

struct rd_offering {
	struct om_wire_client *costd; /* borrowed, as terms */
	const Om__Terms *terms;
	unsigned char instance[INSTANCE];
	atomic_bool made;

	pthread_mutex_t lock;
	char conflict[CONFLICT]; /* lock; the last that was logged */
};

/* log_conflict logs a conflict that is new, and its end. */
static void
log_conflict(struct rd_offering *o, const char *conflict)
{
	bool changed;

	(void)pthread_mutex_lock(&o->lock);
	changed = strncmp(o->conflict, conflict, CONFLICT - 1) != 0;
	(void)snprintf(o->conflict, sizeof o->conflict, "%s", conflict);
	(void)pthread_mutex_unlock(&o->lock);
	if (changed && conflict[0] != '\0')
		om_log(OM_LOG_WARN, "another reportd runs with other terms", "what", conflict, NULL);
	else if (changed)
		om_log(OM_LOG_INFO, "all reportd run with the same terms again", NULL);
}

/* offer: an older costd refuses what it does not know; documents are made with the
 * settings then. */
static om_status
offer(struct rd_offering *o, bool goodbye, om_err *e)
{
	Om__TermsOffer q = OM__TERMS_OFFER__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Terms terms = *o->terms;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	q.instance = (ProtobufCBinaryData){.len = INSTANCE, .data = o->instance};
	q.terms = goodbye ? NULL : &terms;
	req.body_case = OM__REQUEST__BODY_TERMS_OFFER;
	req.terms_offer = &q;
	om_arena_init(&a, REPLY_BYTES);
	s = om_wire_call(o->costd, &req, goodbye ? GOODBYE_MS : CALL_MS, &a, &rep, e);
	if (s == OM_OK && !goodbye && rep->body_case == OM__REPLY__BODY_TERMS_OFFER)
		log_conflict(o, rep->terms_offer->conflict != NULL ? rep->terms_offer->conflict : "");
	om_arena_fini(&a);
	if (s == OM_PROTOCOL || s == OM_INVALID)
		s = OM_OK;
	if (s == OM_OK)
		atomic_store(&o->made, true);
	return s;
}

om_status
rd_offering_made(struct rd_offering *o, om_err *e)
{
	return o == NULL || atomic_load(&o->made) ? OM_OK : offer(o, false, e);
}

om_status
rd_offering_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	(void)t;
	return offer(arg, false, e);
}

om_status
rd_offering_new(struct om_wire_client *costd, const Om__Terms *terms, const unsigned char *instance,
    struct rd_offering **out, om_err *e)
{
	struct rd_offering *o = calloc(1, sizeof *o);

	*out = NULL;
	if (o == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	o->costd = costd;
	o->terms = terms;
	memcpy(o->instance, instance, INSTANCE);
	(void)pthread_mutex_init(&o->lock, NULL);
	*out = o;
	return OM_OK;
}

void
rd_offering_free(struct rd_offering **op)
{
	struct rd_offering *o = *op;
	om_err e;

	*op = NULL;
	if (o == NULL)
		return;
	if (om_wire_connected(o->costd) > 0 && offer(o, true, &e) != OM_OK)
		om_log(OM_LOG_DEBUG, "costd could not be told that this reportd stops", NULL);
	(void)pthread_mutex_destroy(&o->lock);
	free(o);
}
