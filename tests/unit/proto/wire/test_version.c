/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Two services of different versions: which of them is older, and what is to be done. */
#include "check.h"
#include "envelope.pb-c.h"
#include "base/log.h"
#include "wire/wire.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 60000

/* ---- a peer of another version ---- */

struct peer {
	nng_socket socket;
	char url[64];
	uint32_t version; /* of its reply; 0: none is told */
	pthread_t thread;
};

/* reply answers one request as a service of that version does. */
static void *
reply(void *arg)
{
	struct peer *p = arg;
	Om__Reply rep = OM__REPLY__INIT;
	Om__Request *req = NULL;
	unsigned char packed[200];
	struct om_arena a;
	char *data = NULL;
	size_t n = 0;

	om_arena_init(&a, 10000);
	assert_int_equal(nng_recv(p->socket, &data, &n, NNG_FLAG_ALLOC), 0);
	assert_int_equal(om_msg_unpack(&om__request__descriptor, data, n, &a, &req, NULL), OM_OK);
	rep.has_version = p->version != 0;
	rep.version = p->version;
	rep.request_id = req->request_id;
	assert_true(om__reply__get_packed_size(&rep) <= sizeof packed);
	assert_int_equal(nng_send(p->socket, packed, om__reply__pack(&rep, packed), 0), 0);
	nng_free(data, n);
	om_arena_fini(&a);
	return NULL;
}

static void
peer_open(struct peer *p, uint32_t version)
{
	nng_listener at;
	char *url = NULL;

	*p = (struct peer){.version = version};
	assert_int_equal(nng_rep0_open(&p->socket), 0);
	assert_int_equal(nng_socket_set_ms(p->socket, NNG_OPT_RECVTIMEO, DEADLINE_MS), 0);
	assert_int_equal(nng_listen(p->socket, "tcp://127.0.0.1:0", &at, 0), 0);
	assert_int_equal(nng_listener_get_string(at, NNG_OPT_URL, &url), 0);
	(void)snprintf(p->url, sizeof p->url, "%s", url);
	nng_strfree(url);
	assert_int_equal(pthread_create(&p->thread, NULL, reply, p), 0);
}

static void
test_a_caller_is_told_which_of_the_two_is_older(void **state)
{
	static const struct {
		uint32_t version;
		const char *text;
	} cases[] = {
	    {0, "costd is older than gateway (its messages have version 0, gateway's have 2): update costd"},
	    {OM_WIRE_VERSION - 1,
		"costd is older than gateway (its messages have version 1, gateway's have 2): update costd"},
	    {OM_WIRE_VERSION + 1,
		"costd is newer than gateway (its messages have version 3, gateway's have 2): update gateway"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct om_wire_client_opts o = {.peer = "costd", .sockets = 1};
		Om__MetricsQuery q = OM__METRICS_QUERY__INIT;
		Om__Request req = OM__REQUEST__INIT;
		struct om_wire_client *c = NULL;
		Om__Reply *rep = NULL;
		struct om_arena a;
		om_err e = {.text = ""};
		struct peer p;

		peer_open(&p, cases[i].version);
		o.urls = p.url;
		om_arena_init(&a, 10000);
		req.body_case = OM__REQUEST__BODY_METRICS;
		req.metrics = &q;
		assert_status(om_wire_client_open(&o, &c, &e), OM_OK, e);
		assert_int_equal(om_wire_call(c, &req, DEADLINE_MS, &a, &rep, &e), OM_VERSION);
		assert_string_equal(e.text, cases[i].text);
		assert_null(rep);
		assert_int_equal(pthread_join(p.thread, NULL), 0);
		om_wire_client_free(&c);
		om_arena_fini(&a);
	}
}

/* ---- a caller of another version ---- */

static om_status
handle(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	(void)arg;
	(void)req;
	(void)deadline_ms;
	(void)a;
	(void)rep;
	(void)e;
	fail_msg("a request of another version came through");
	return OM_INTERNAL;
}

static void
ask_as(const char *url, uint32_t version, const char *text)
{
	char id[] = "r-1";
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	unsigned char packed[100];
	struct om_arena a;
	nng_socket raw;
	char *data = NULL;
	size_t n = 0;

	req.version = version;
	req.request_id = id;
	assert_true(om__request__get_packed_size(&req) <= sizeof packed);
	assert_int_equal(nng_req0_open(&raw), 0);
	assert_int_equal(nng_socket_set_ms(raw, NNG_OPT_RECVTIMEO, DEADLINE_MS), 0);
	assert_int_equal(nng_dial(raw, url, NULL, 0), 0);
	assert_int_equal(nng_send(raw, packed, om__request__pack(&req, packed), 0), 0);
	assert_int_equal(nng_recv(raw, &data, &n, NNG_FLAG_ALLOC), 0);
	om_arena_init(&a, 10000);
	assert_int_equal(om_msg_unpack(&om__reply__descriptor, data, n, &a, &rep, NULL), OM_OK);
	assert_int_equal(rep->status, OM_VERSION);
	assert_int_equal(rep->version, OM_WIRE_VERSION);
	assert_string_equal(rep->request_id, "r-1");
	assert_string_equal(rep->message, text);
	om_arena_fini(&a);
	nng_free(data, n);
	assert_int_equal(nng_close(raw), 0);
}

static void
test_a_service_refuses_other_versions_and_says_so(void **state)
{
	struct om_wire_server_opts o = {
	    .urls = "tcp://127.0.0.1:0", .workers = 1, .arena_bytes = 1u << 20, .handler = handle};
	struct om_wire_server *s = NULL;
	om_err e = {.text = ""};

	(void)state;
	assert_status(om_wire_server_open(&o, &s, &e), OM_OK, e);
	ask_as(om_wire_server_url(s, 0), OM_WIRE_VERSION - 1,
	    "the service that asks is older than gateway (its messages have version 1, gateway's have 2): update the "
	    "service that asks");
	ask_as(om_wire_server_url(s, 0), OM_WIRE_VERSION + 1,
	    "the service that asks is newer than gateway (its messages have version 3, gateway's have 2): update "
	    "gateway");
	om_wire_server_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_caller_is_told_which_of_the_two_is_older),
	    cmocka_unit_test(test_a_service_refuses_other_versions_and_says_so),
	};
	int failed;

	om_log_init("gateway", OM_LOG_ERROR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)fflush(NULL);
	_exit(failed); /* as the services do; see wire.h */
}
