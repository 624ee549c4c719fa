/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who may ask whom: keys, repeats, rights, peers of an older version. */
#include "check.h"
#include "port.h"
#include "envelope.pb-c.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/callers.h"
#include "wire/mac.h"
#include "wire/wire.h"

#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 120000 /* a guard against hangs, not a measure */
#define GATEWAY_KEY "the-key-of-gateways-0123456789-0123456789-0123456789"
#define REPORTD_KEY "the-key-of-reportd--0123456789-0123456789-0123456789"

static atomic_int carried_out;
static const struct om_mac_side gateway_side = {.self = OM_CALLER_GATEWAY, .key = GATEWAY_KEY, .peer = "costd"};

static om_status
handle(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	(void)arg;
	(void)deadline_ms;
	atomic_fetch_add(&carried_out, 1);
	if (req->body_case == OM__REQUEST__BODY_USERS)
		return om_fail(e, OM_NOT_FOUND, "no such user");
	rep->metrics = om_msg_new(a, &om__metrics_reply__descriptor);
	rep->metrics->text = om_arena_strdup(a, "fine");
	rep->body_case = OM__REPLY__BODY_METRICS;
	return OM_OK;
}

/* Metrics are a gateway's to ask for, settings reportd's, the rest anybody's. */
static unsigned
may(const Om__Request *req)
{
	return req->body_case == OM__REQUEST__BODY_METRICS ? OM_CALLER_GATEWAY
	    : req->body_case == OM__REQUEST__BODY_SETTINGS ? OM_CALLER_REPORTD
							   : OM_CALLER_ANY;
}

static struct om_wire_server *
serve(const char *url, bool keys, bool allow_no_mac)
{
	struct om_wire_server_opts o = {.urls = url,
	    .workers = 2,
	    .arena_bytes = 1u << 20,
	    .handler = handle,
	    .gateway_key = keys ? GATEWAY_KEY : NULL,
	    .reportd_key = keys ? REPORTD_KEY : NULL,
	    .allow_no_mac = allow_no_mac,
	    .may = may};
	struct om_wire_server *s = NULL;
	om_err e = {.text = ""};

	assert_status(om_wire_server_open(&o, &s, &e), OM_OK, e);
	return s;
}

static struct om_wire_client *
caller(const char *url, om_caller self, const char *key, bool allow_no_mac)
{
	struct om_wire_client_opts o = {
	    .peer = "costd", .urls = url, .sockets = 1, .self = self, .key = key, .allow_no_mac = allow_no_mac};
	struct om_wire_client *c = NULL;
	om_err e = {.text = ""};

	assert_status(om_wire_client_open(&o, &c, &e), OM_OK, e);
	return c;
}

/* ask asks one of three things: for metrics, users or settings. */
static om_status
ask(struct om_wire_client *c, Om__Request__BodyCase what, om_err *e)
{
	Om__MetricsQuery metrics = OM__METRICS_QUERY__INIT;
	Om__SettingsQuery settings = OM__SETTINGS_QUERY__INIT;
	Om__UsersQuery users = OM__USERS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	req.body_case = what;
	if (what == OM__REQUEST__BODY_METRICS)
		req.metrics = &metrics;
	else if (what == OM__REQUEST__BODY_SETTINGS)
		req.settings = &settings;
	else
		req.users = &users;
	om_arena_init(&a, 1u << 20);
	s = om_wire_call(c, &req, DEADLINE_MS, &a, &rep, e);
	if (s == OM_OK)
		assert_string_equal(rep->metrics->text, "fine");
	om_arena_fini(&a);
	return s;
}

static void
test_each_caller_asks_what_it_may(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0", true, false);
	struct om_wire_client *gateway = caller(om_wire_server_url(s, 0), OM_CALLER_GATEWAY, GATEWAY_KEY, false);
	struct om_wire_client *reportd = caller(om_wire_server_url(s, 0), OM_CALLER_REPORTD, REPORTD_KEY, false);
	om_err e = {.text = ""};

	(void)state;
	atomic_store(&carried_out, 0);
	for (int i = 0; i < 20; i++) {
		assert_status(ask(gateway, OM__REQUEST__BODY_METRICS, &e), OM_OK, e);
		assert_status(ask(reportd, OM__REQUEST__BODY_SETTINGS, &e), OM_OK, e);
	}
	assert_int_equal(atomic_load(&carried_out), 40); /* asking for the nonce is not one of them */
	assert_int_equal(ask(gateway, OM__REQUEST__BODY_SETTINGS, &e), OM_FORBIDDEN);
	assert_string_equal(e.text, "a gateway may not ask costd for settings");
	assert_int_equal(ask(reportd, OM__REQUEST__BODY_METRICS, &e), OM_FORBIDDEN);
	assert_string_equal(e.text, "reportd may not ask costd for metrics");
	assert_int_equal(ask(reportd, OM__REQUEST__BODY_USERS, &e), OM_NOT_FOUND); /* a failure is proved, too */
	assert_int_equal(atomic_load(&carried_out), 41);
	om_wire_client_free(&gateway);
	om_wire_client_free(&reportd);
	om_wire_server_close(&s);
}

static void
test_another_key_is_refused(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0", true, false);
	const struct {
		om_caller self;
		const char *key;
	} wrong[] = {
	    {OM_CALLER_GATEWAY, GATEWAY_KEY "x"},
	    {OM_CALLER_REPORTD, GATEWAY_KEY}, /* a gateway that says it is reportd */
	    {OM_CALLER_GATEWAY, REPORTD_KEY},
	    {(om_caller)3, GATEWAY_KEY},
	    {(om_caller)0, GATEWAY_KEY},
	    {OM_CALLER_GATEWAY, NULL},
	};

	(void)state;
	atomic_store(&carried_out, 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct om_wire_client *c = caller(om_wire_server_url(s, 0), wrong[i].self, wrong[i].key, false);
		om_err e = {.text = ""};
		om_status got = ask(c, OM__REQUEST__BODY_METRICS, &e);

		assert_true(got == OM_PROTOCOL || got == OM_VERSION);
		if (wrong[i].key != NULL)
			assert_non_null(strstr(e.text, "WIRE_KEY_"));
		assert_null(strstr(e.text, "the-key-of"));
		om_wire_client_free(&c);
	}
	assert_int_equal(atomic_load(&carried_out), 0);
	om_wire_server_close(&s);
}

/* A caller goes on with a server that was started again, whose nonces are others. */
static void
test_a_server_that_was_restarted_is_asked_again(void **state)
{
	char url[64];
	int fd = port_keep(url);
	struct om_wire_client *c = caller(url, OM_CALLER_GATEWAY, GATEWAY_KEY, false);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct om_wire_server *s = serve(url, true, false);
		int64_t until = om_mono_ms() + DEADLINE_MS;
		om_err e = {.text = ""};
		om_status got;

		do
			got = ask(c, OM__REQUEST__BODY_METRICS, &e);
		while (got == OM_UNAVAILABLE && om_mono_ms() < until);
		assert_status(got, OM_OK, e);
		om_wire_server_close(&s);
	}
	om_wire_client_free(&c);
	(void)close(fd);
}

/* Each connection has a nonce of its own, and a caller has several. */
static void
test_several_servers_are_asked_in_turn(void **state)
{
	struct om_wire_server *one = serve("tcp://127.0.0.1:0", true, false);
	struct om_wire_server *two = serve("tcp://127.0.0.1:0", true, false);
	struct om_wire_client *c;
	int64_t until = om_mono_ms() + DEADLINE_MS;
	om_err e = {.text = ""};
	char urls[200];

	(void)state;
	(void)snprintf(urls, sizeof urls, "%s,%s", om_wire_server_url(one, 0), om_wire_server_url(two, 0));
	c = caller(urls, OM_CALLER_GATEWAY, GATEWAY_KEY, false);
	while (om_wire_connected(c) != 2 && om_mono_ms() < until)
		(void)poll(NULL, 0, 5);
	assert_int_equal(om_wire_connected(c), 2);
	atomic_store(&carried_out, 0);
	for (int i = 0; i < 20; i++)
		assert_status(ask(c, OM__REQUEST__BODY_METRICS, &e), OM_OK, e);
	assert_int_equal(atomic_load(&carried_out), 20);
	om_wire_server_close(&one);
	for (int i = 0; i < 20; i++) {
		om_status s = ask(c, OM__REQUEST__BODY_METRICS, &e);

		assert_true(s == OM_OK || s == OM_UNAVAILABLE); /* it goes while it is asked */
	}
	assert_status(ask(c, OM__REQUEST__BODY_METRICS, &e), OM_OK, e);
	om_wire_client_free(&c);
	om_wire_server_close(&two);
}

static void
test_peers_of_an_older_version(void **state)
{
	struct om_wire_server *old = serve("tcp://127.0.0.1:0", false, false);
	struct om_wire_server *strict = serve("tcp://127.0.0.1:0", true, false);
	struct om_wire_server *lenient = serve("tcp://127.0.0.1:0", true, true);
	const struct {
		struct om_wire_server *to;
		const char *key;
		bool allow_no_mac;
		om_status wanted;
	} cases[] = {
	    {old, GATEWAY_KEY, false, OM_PROTOCOL}, /* what answers proves nothing */
	    {old, GATEWAY_KEY, true, OM_OK}, {strict, NULL, false, OM_PROTOCOL}, {lenient, NULL, false, OM_OK},
	    {lenient, GATEWAY_KEY, false, OM_OK},
	    {lenient, REPORTD_KEY, false, OM_PROTOCOL}, /* a wrong MAC is worse than none */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct om_wire_client *c =
		    caller(om_wire_server_url(cases[i].to, 0), OM_CALLER_GATEWAY, cases[i].key, cases[i].allow_no_mac);
		om_err e = {.text = ""};

		assert_status(ask(c, OM__REQUEST__BODY_METRICS, &e), cases[i].wanted, e);
		om_wire_client_free(&c);
	}
	om_wire_server_close(&old);
	om_wire_server_close(&strict);
	om_wire_server_close(&lenient);
}

/* ---- repeats, frame by frame ---- */

static nng_socket
dial(const struct om_wire_server *s)
{
	nng_socket raw;

	assert_int_equal(nng_req0_open(&raw), 0);
	assert_int_equal(nng_socket_set_ms(raw, NNG_OPT_RECVTIMEO, DEADLINE_MS), 0);
	assert_int_equal(nng_dial(raw, om_wire_server_url(s, 0), NULL, 0), 0);
	return raw;
}

/* make gives a frame that asks for metrics. */
static size_t
make(unsigned char *frame, struct om_mac_now *now, struct om_mac *mac)
{
	Om__MetricsQuery q = OM__METRICS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	char id[] = "r-1";
	size_t n;

	req.version = OM_WIRE_VERSION;
	req.request_id = id;
	req.body_case = OM__REQUEST__BODY_METRICS;
	req.metrics = &q;
	n = om__request__pack(&req, frame) + OM_MAC_BYTES;
	assert_int_equal(om_mac_ask(frame, n, &gateway_side, now, mac, NULL), OM_OK);
	return n;
}

/* What an answer is: the request was carried out, the nonce was told, or it was refused. */
typedef enum { CARRIED_OUT, NONCE_TOLD, REFUSED } answer;

static answer
look_at(const void *frame, size_t n, const struct om_mac *asked, struct om_mac_now *now)
{
	bool again = false;

	if (om_mac_answered(frame, n, &gateway_side, asked, now, &again, NULL) != OM_OK)
		return REFUSED;
	return again ? NONCE_TOLD : CARRIED_OUT;
}

static answer
send_frame(nng_socket raw, void *frame, size_t n, const struct om_mac *asked, struct om_mac_now *now)
{
	char *data = NULL;
	size_t got = 0;
	answer what;

	assert_int_equal(nng_send(raw, frame, n, 0), 0);
	assert_int_equal(nng_recv(raw, &data, &got, NNG_FLAG_ALLOC), 0);
	what = look_at(data, got, asked, now);
	nng_free(data, got);
	return what;
}

static void
test_a_repeat_is_not_carried_out(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0", true, false);
	nng_socket raw = dial(s), other = dial(s);
	struct om_mac_now now = {.count = 0}, elsewhere = {.count = 0};
	unsigned char first[200], second[200];
	struct om_mac mac, later;
	size_t n;

	(void)state;
	atomic_store(&carried_out, 0);
	n = make(first, &now, &mac);
	assert_int_equal(send_frame(raw, first, n, &mac, &now), NONCE_TOLD);
	n = make(first, &now, &mac);
	assert_int_equal(send_frame(raw, first, n, &mac, &now), CARRIED_OUT);
	assert_int_equal(atomic_load(&carried_out), 1);

	assert_int_equal(send_frame(raw, first, n, &mac, &now), REFUSED);            /* on its own connection */
	assert_int_equal(send_frame(other, first, n, &mac, &elsewhere), NONCE_TOLD); /* on another */
	assert_int_equal(atomic_load(&carried_out), 1);

	n = make(second, &now, &later);
	assert_int_equal(send_frame(raw, second, n, &later, &now), CARRIED_OUT);
	assert_int_equal(send_frame(raw, first, n, &mac, &now), REFUSED); /* an older one */
	assert_int_equal(atomic_load(&carried_out), 2);
	(void)nng_close(raw);
	(void)nng_close(other);
	om_wire_server_close(&s);
}

static void
test_no_byte_can_be_changed(void **state)
{
	struct om_mac_now now = {.count = 41};
	unsigned char frame[200], reply[OM_MAC_BYTES + 3] = "ok";
	struct om_mac asked, got, proof = {.caller = OM_CALLER_GATEWAY};
	size_t n = make(frame, &now, &asked);

	(void)state;
	assert_true(om_mac_read(frame, n, &got));
	assert_int_equal(got.count, 42);
	assert_true(om_mac_fits(frame, n, GATEWAY_KEY, NULL, &got));
	assert_false(om_mac_fits(frame, n, REPORTD_KEY, NULL, &got));
	assert_false(om_mac_fits(frame, n, GATEWAY_KEY, asked.mac, &got)); /* a request is no reply */
	for (size_t i = 0; i < n * 8; i++) {
		frame[i / 8] ^= (unsigned char)(1u << i % 8);
		assert_false(om_mac_read(frame, n, &got) && om_mac_fits(frame, n, GATEWAY_KEY, NULL, &got));
		frame[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	for (size_t i = 0; i < n; i++)
		assert_false(om_mac_read(frame, i, &got) && om_mac_fits(frame, i, GATEWAY_KEY, NULL, &got));

	assert_int_equal(om_mac_put(reply, sizeof reply, GATEWAY_KEY, asked.mac, &proof, NULL), OM_OK);
	assert_int_equal(look_at(reply, sizeof reply, &asked, &now), CARRIED_OUT);
	asked.mac[0] ^= 1; /* the answer to another question */
	assert_int_equal(look_at(reply, sizeof reply, &asked, &now), REFUSED);
}

/* A service that knows no Mac reads the rest of the frame. */
static void
test_the_mac_is_a_field_of_the_message(void **state)
{
	struct om_mac_now now = {.count = 0};
	unsigned char frame[200];
	Om__Request *req = NULL;
	struct om_mac asked;
	struct om_arena a;
	size_t n = make(frame, &now, &asked);

	(void)state;
	om_arena_init(&a, 10000);
	assert_int_equal(om_msg_unpack(&om__request__descriptor, frame, n, &a, &req, NULL), OM_OK);
	assert_int_equal(req->mac->caller, OM_CALLER_GATEWAY);
	assert_int_equal(req->mac->count, 1);
	assert_int_equal(req->mac->mac.len, OM_SHA256);
	assert_memory_equal(req->mac->mac.data, asked.mac, OM_SHA256);
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_caller_asks_what_it_may),
	    cmocka_unit_test(test_another_key_is_refused),
	    cmocka_unit_test(test_a_server_that_was_restarted_is_asked_again),
	    cmocka_unit_test(test_several_servers_are_asked_in_turn),
	    cmocka_unit_test(test_peers_of_an_older_version),
	    cmocka_unit_test(test_a_repeat_is_not_carried_out),
	    cmocka_unit_test(test_no_byte_can_be_changed),
	    cmocka_unit_test(test_the_mac_is_a_field_of_the_message),
	};
	int failed;

	om_log_init("costd", OM_LOG_ERROR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)fflush(NULL);
	_exit(failed); /* as the services do; see wire.h */
}
