/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What reportd says to a made-up costd around the question which month is due. */
#include "issue/delivery.h"
#include "terms/offer.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"
#include "terms.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

static struct {
	atomic_uint offers, takes;
	atomic_bool hears_no_offer;
} costd;

static om_status
answer(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	(void)arg;
	(void)deadline_ms;
	if (req->body_case == OM__REQUEST__BODY_TERMS_OFFER && atomic_load(&costd.hears_no_offer))
		return om_fail(e, OM_UNAVAILABLE, "the ledger is not there");
	if (req->body_case == OM__REQUEST__BODY_TERMS_OFFER) {
		atomic_fetch_add(&costd.offers, 1);
		rep->body_case = OM__REPLY__BODY_TERMS_OFFER;
		rep->terms_offer = om_msg_new(a, &om__terms_offer_reply__descriptor);
		return OM_OK;
	}
	if (req->body_case != OM__REQUEST__BODY_DELIVERY_TAKE)
		return om_fail(e, OM_INVALID, "not for costd");
	atomic_fetch_add(&costd.takes, 1);
	rep->body_case = OM__REPLY__BODY_DELIVERY_TAKE;
	rep->delivery_take = om_msg_new(a, &om__delivery_take_reply__descriptor);
	return OM_OK;
}

/* A month that is taken before costd knows the terms is not held back by its rate. */
static void
test_costd_hears_of_the_terms_before_it_says_which_month_is_due(void **state)
{
	static const unsigned char instance[8] = "reportd";
	struct om_wire_server_opts so = {
	    .urls = "tcp://127.0.0.1:0", .workers = 2, .arena_bytes = (size_t)1 << 20, .handler = answer};
	struct om_wire_client_opts co = {.peer = "costd", .sockets = 2};
	struct rd_issuing issuing = {0};
	struct rd_delivery_opts o = {.issuing = &issuing, .dir = "/tmp", .files = "statements.pdf"};
	Om__Terms terms = OM__TERMS__INIT;
	struct om_wire_server *server;
	struct rd_delivery *d;

	(void)state;
	assert_int_equal(om_wire_server_open(&so, &server, NULL), OM_OK);
	co.urls = om_wire_server_url(server, 0);
	assert_int_equal(om_wire_client_open(&co, &issuing.costd, NULL), OM_OK);
	assert_int_equal(om_duties_new(1, NULL, &issuing.duties, NULL), OM_OK);
	assert_int_equal(rd_offering_new(issuing.costd, &terms, instance, &o.offering, NULL), OM_OK);
	assert_int_equal(rd_delivery_new(&o, &d, NULL), OM_OK);

	atomic_store(&costd.hears_no_offer, true);
	assert_int_equal(rd_delivery_turn(d, NULL, NULL), OM_UNAVAILABLE);
	assert_int_equal(atomic_load(&costd.takes), 0);
	atomic_store(&costd.hears_no_offer, false);
	assert_int_equal(rd_delivery_turn(d, NULL, NULL), OM_OK);
	assert_int_equal(rd_delivery_turn(d, NULL, NULL), OM_OK);
	assert_int_equal(atomic_load(&costd.takes), 2);
	assert_int_equal(atomic_load(&costd.offers), 1); /* again by its own duty */

	rd_delivery_free(&d);
	rd_offering_free(&o.offering);
	om_duties_free(&issuing.duties);
	om_wire_client_free(&issuing.costd);
	om_wire_server_close(&server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_costd_hears_of_the_terms_before_it_says_which_month_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
