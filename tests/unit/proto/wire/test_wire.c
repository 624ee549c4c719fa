/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "port.h"
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/wire.h"

#include <netdb.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 120000 /* a guard against hangs, not a measure */
#define SLOW_MS     1000   /* what a call takes at least that is to pass its deadline */

static atomic_int calls;
static atomic_bool hold; /* the handler waits while this is set */
static sem_t go;

/* answers a metrics query with the request id, refuses users, never finds models */
static om_status
handle(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	assert_ptr_equal(arg, &calls);
	atomic_fetch_add(&calls, 1);
	if (atomic_load(&hold))
		(void)sem_wait(&go);
	if (req->body_case == OM__REQUEST__BODY_USERS)
		return om_fail(e, OM_NOT_FOUND, "no such user");
	if (req->body_case == OM__REQUEST__BODY_SUBMIT) {
		rep->submit = om_msg_new(a, &om__submit_reply__descriptor);
		rep->submit->spool_id = req->submit->spool_id;
		rep->submit->new_records = (uint32_t)req->submit->n_entries;
		rep->body_case = OM__REPLY__BODY_SUBMIT;
		return OM_OK;
	}
	rep->metrics = om_msg_new(a, &om__metrics_reply__descriptor);
	rep->metrics->text = om_arena_printf(a, "%s %s", req->request_id, om_log_request_id());
	rep->body_case = OM__REPLY__BODY_METRICS;
	return deadline_ms > om_mono_ms() ? OM_OK : OM_TIMEOUT;
}

static struct om_wire_server *
serve(const char *urls)
{
	struct om_wire_server_opts o = {
	    .urls = urls, .workers = 4, .arena_bytes = 100u << 20, .handler = handle, .arg = &calls};
	struct om_wire_server *s = NULL;
	om_err e = {.text = ""};

	assert_status(om_wire_server_open(&o, &s, &e), OM_OK, e);
	return s;
}

static struct om_wire_client *
connect_to(const char *urls, unsigned sockets)
{
	struct om_wire_client_opts o = {.peer = "costd", .urls = urls, .sockets = sockets};
	struct om_wire_client *c = NULL;
	om_err e = {.text = ""};

	assert_status(om_wire_client_open(&o, &c, &e), OM_OK, e);
	return c;
}

static void
await_connected(const struct om_wire_client *c, unsigned sockets)
{
	int64_t until = om_mono_ms() + INT64_C(600000);

	while (om_wire_connected(c) != sockets && om_mono_ms() < until)
		(void)poll(NULL, 0, 5);
	assert_int_equal(om_wire_connected(c), sockets);
}

/* reach connects and waits for it: a call waits for a peer for two seconds only. */
static struct om_wire_client *
reach(const char *urls, unsigned sockets)
{
	struct om_wire_client *c = connect_to(urls, sockets);

	await_connected(c, sockets);
	return c;
}

static om_status
call(struct om_wire_client *c, int deadline_ms, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__MetricsQuery q = OM__METRICS_QUERY__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, 1u << 20);
	req.body_case = OM__REQUEST__BODY_METRICS;
	req.metrics = &q;
	s = om_wire_call(c, &req, deadline_ms, &a, &rep, e);
	if (s == OM_OK) {
		assert_int_equal(rep->body_case, OM__REPLY__BODY_METRICS);
		/* the handler's thread logs with the request's id */
		assert_int_equal(strncmp(rep->metrics->text, rep->request_id, 32), 0);
		assert_string_equal(rep->metrics->text + 33, rep->request_id);
	}
	om_arena_fini(&a);
	return s;
}

static void
test_request_is_answered(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0");
	struct om_wire_client *c = reach(om_wire_server_url(s, 0), 1);
	om_err e = {.text = ""};

	(void)state;
	om_log_request("0123456789abcdef0123456789abcdef");
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	om_log_request(NULL);
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	assert_int_equal(om_wire_connected(c), 1);
	om_wire_client_free(&c);
	om_wire_server_close(&s);
	assert_null(s);
}

static void
test_refusal_keeps_its_status_and_message(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0");
	struct om_wire_client *c = reach(om_wire_server_url(s, 0), 1);
	Om__Request req = OM__REQUEST__INIT;
	Om__UsersQuery q = OM__USERS_QUERY__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1u << 20);
	req.body_case = OM__REQUEST__BODY_USERS;
	req.users = &q;
	assert_int_equal(om_wire_call(c, &req, DEADLINE_MS, &a, &rep, &e), OM_NOT_FOUND);
	assert_string_equal(e.text, "no such user");
	assert_null(rep);
	om_arena_fini(&a);
	om_wire_client_free(&c);
	om_wire_server_close(&s);
}

static void *
many_calls(void *arg)
{
	struct om_wire_client *c = arg;
	om_err e;

	for (int i = 0; i < 200; i++)
		if (call(c, DEADLINE_MS, &e) != OM_OK)
			return c;
	return NULL;
}

static void
test_many_threads_share_few_sockets(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0");
	struct om_wire_client *c = reach(om_wire_server_url(s, 0), 2);
	pthread_t t[6];
	void *failed;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&t[i], NULL, many_calls, c), 0);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(pthread_join(t[i], &failed), 0);
		assert_null(failed);
	}
	om_wire_client_free(&c);
	om_wire_server_close(&s);
}

static void
test_nobody_there_is_unavailable(void **state)
{
	struct om_wire_server *s;
	char url[64];
	int port = port_keep(url);
	struct om_wire_client *c = connect_to(url, 1);
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(call(c, 300, &e), OM_UNAVAILABLE);
	assert_non_null(strstr(e.text, "costd cannot be reached"));

	/* the peer comes: the same client finds it */
	s = serve(url);
	await_connected(c, 1);
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	om_wire_server_close(&s);
	await_connected(c, 0); /* a request on the old connection would be lost with it */
	s = serve(url);
	await_connected(c, 1);
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	om_wire_client_free(&c);
	om_wire_server_close(&s);
	assert_int_equal(close(port), 0);
}

static void
test_slow_peer_is_timeout_and_the_link_recovers(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0");
	struct om_wire_client *c = reach(om_wire_server_url(s, 0), 1);
	om_err e = {.text = ""};
	int64_t until = om_mono_ms() + DEADLINE_MS;
	int before;

	(void)state;
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	before = atomic_load(&calls);
	atomic_store(&hold, true);
	for (int i = 0; i < 3; i++) /* the number that makes it connect again */
		assert_int_equal(call(c, SLOW_MS, &e), OM_TIMEOUT);
	while (call(c, SLOW_MS, &e) != OM_TIMEOUT) /* on the new connection, once it is there */
		assert_true(om_mono_ms() < until);
	atomic_store(&hold, false);
	for (int i = 0; i < 64; i++)
		(void)sem_post(&go);
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	/* every request given up reached the handler: "timed out" is not "not done" */
	assert_true(atomic_load(&calls) - before >= 2);
	om_wire_server_close(&s);
	om_wire_client_free(&c);
}

static bool
goes_on(void *arg)
{
	return atomic_fetch_add((atomic_int *)arg, 1) < 2;
}

static void *
hurry(void *arg)
{
	om_wire_client_hurry(arg, 100);
	return NULL;
}

static void
test_calls_that_are_not_wanted_do_not_wait(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0");
	struct om_wire_client *c = reach(om_wire_server_url(s, 0), 1);
	int64_t began = om_mono_ms();
	om_err e = {.text = ""};
	atomic_int asked = 0;
	pthread_t other;

	(void)state;
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	while (sem_trywait(&go) == 0) /* what others left */
		continue;
	atomic_store(&hold, true);
	(void)om_wire_watch((struct om_wire_watch){goes_on, &asked});
	assert_int_equal(call(c, 3600 * 1000, &e), OM_UNAVAILABLE);
	assert_non_null(strstr(e.text, "given up"));
	assert_ptr_equal(om_wire_watch((struct om_wire_watch){.go_on = NULL}).arg, &asked);
	assert_int_equal(pthread_create(&other, NULL, hurry, c), 0);
	assert_int_equal(call(c, 3600 * 1000, &e), OM_UNAVAILABLE);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(call(c, 3600 * 1000, &e), OM_UNAVAILABLE); /* the later ones, too */
	assert_true(om_mono_ms() - began < INT64_C(600000));        /* of hours: a bound, not a measurement */
	atomic_store(&hold, false);
	for (int i = 0; i < 64; i++)
		(void)sem_post(&go);
	om_wire_server_close(&s);
	om_wire_client_free(&c);
}

/* take_one_and_vanish is a peer that takes a request and ends without an answer. */
static void *
take_one_and_vanish(void *arg)
{
	nng_socket *rep = arg;
	nng_msg *m = NULL;

	if (nng_recvmsg(*rep, &m, 0) == 0)
		nng_msg_free(m);
	(void)nng_close(*rep);
	return NULL;
}

static void
test_peer_that_dies_with_the_request_is_not_waited_for(void **state)
{
	int64_t began = om_mono_ms();
	struct om_wire_server *s;
	struct om_wire_client *c;
	om_err e = {.text = ""};
	nng_socket rep;
	pthread_t peer;
	char url[64];
	int port = port_keep(url);

	(void)state;
	assert_int_equal(nng_rep0_open(&rep), 0);
	assert_int_equal(nng_listen(rep, url, NULL, 0), 0);
	assert_int_equal(pthread_create(&peer, NULL, take_one_and_vanish, &rep), 0);
	c = reach(url, 1);
	assert_status(call(c, 3600 * 1000, &e), OM_UNAVAILABLE, e);
	assert_non_null(strstr(e.text, "closed the connection"));
	assert_true(om_mono_ms() - began < INT64_C(600000)); /* of an hour: a bound, not a measurement */
	assert_int_equal(pthread_join(peer, NULL), 0);

	/* the peer comes back: the same socket serves on */
	s = serve(url);
	await_connected(c, 1);
	assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	om_wire_client_free(&c);
	om_wire_server_close(&s);
	assert_int_equal(close(port), 0);
}

static void
test_requests_after_the_peer_died_do_not_wait(void **state)
{
	int64_t began = om_mono_ms();
	om_err e = {.text = ""};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct om_wire_server *s = serve("tcp://127.0.0.1:0");
		struct om_wire_client *c = reach(om_wire_server_url(s, 0), 8);

		assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
		om_wire_server_close(&s); /* nng notices it socket by socket */
		assert_status(call(c, 3600 * 1000, &e), OM_UNAVAILABLE, e);
		om_wire_client_free(&c);
	}
	assert_true(om_mono_ms() - began < INT64_C(600000));
}

static void
test_one_of_several_urls_is_enough(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0,tcp://127.0.0.1:0");
	struct om_wire_client *c;
	om_err e = {.text = ""};
	char urls[300], dead[64];
	int port = port_keep(dead);

	(void)state;
	(void)snprintf(urls, sizeof urls, "%s,%s, %s", dead, om_wire_server_url(s, 0), om_wire_server_url(s, 1));
	assert_null(om_wire_server_url(s, 2));
	c = connect_to(urls, 1);
	await_connected(c, 2); /* with both that are there */
	for (int i = 0; i < 20; i++)
		assert_status(call(c, DEADLINE_MS, &e), OM_OK, e);
	om_wire_client_free(&c);
	om_wire_server_close(&s);
	assert_int_equal(close(port), 0);
}

static void
test_oversize_request_is_never_sent(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0");
	struct om_wire_client *c = reach(om_wire_server_url(s, 0), 1);
	Om__Request req = OM__REQUEST__INIT;
	Om__SubmitBatch batch = OM__SUBMIT_BATCH__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 200u << 20);
	batch.spool_id.len = OM_WIRE_MAX_BYTES;
	batch.spool_id.data = calloc(1, OM_WIRE_MAX_BYTES);
	req.body_case = OM__REQUEST__BODY_SUBMIT;
	req.submit = &batch;
	assert_int_equal(om_wire_call(c, &req, DEADLINE_MS, &a, &rep, &e), OM_TOO_LARGE);
	batch.spool_id.len = 20u << 20; /* large, and allowed */
	assert_status(om_wire_call(c, &req, DEADLINE_MS, &a, &rep, &e), OM_OK, e);
	assert_int_equal(rep->submit->spool_id.len, 20u << 20);
	free(batch.spool_id.data);
	om_arena_fini(&a);
	om_wire_client_free(&c);
	om_wire_server_close(&s);
}

static void
test_garbage_and_foreign_versions_are_refused(void **state)
{
	struct om_wire_server *s = serve("tcp://127.0.0.1:0");
	Om__Request req = OM__REQUEST__INIT;
	char id[] = "r-1";
	struct om_buf out;
	nng_socket raw;

	(void)state;
	assert_int_equal(nng_req0_open(&raw), 0);
	assert_int_equal(nng_socket_set_ms(raw, NNG_OPT_RECVTIMEO, DEADLINE_MS), 0);
	assert_int_equal(nng_dial(raw, om_wire_server_url(s, 0), NULL, 0), 0);
	req.version = OM_WIRE_VERSION + 1;
	req.request_id = id;
	om_buf_init(&out, 1000);
	om_msg_pack(&req.base, &out);
	for (int i = 0; i < 2; i++) {
		Om__Reply *rep = NULL;
		struct om_arena a;
		char *data = NULL;
		size_t n = 0;
		char junk[] = "\xff\xff\xff\xff";

		assert_int_equal(i == 0 ? nng_send(raw, junk, 4, 0) : nng_send(raw, out.data, out.len, 0), 0);
		assert_int_equal(nng_recv(raw, &data, &n, NNG_FLAG_ALLOC), 0);
		om_arena_init(&a, 10000);
		assert_int_equal(om_msg_unpack(&om__reply__descriptor, data, n, &a, &rep, NULL), OM_OK);
		assert_int_equal(rep->status, i == 0 ? OM_PROTOCOL : OM_VERSION);
		assert_true(rep->message[0] != '\0');
		om_arena_fini(&a);
		nng_free(data, n);
	}
	om_buf_fini(&out);
	assert_int_equal(nng_close(raw), 0);
	om_wire_server_close(&s);
}

static void
test_bad_urls_are_refused_with_the_reason(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	assert_int_equal(om_wire_urls_check("ipc:///tmp/x", &e), OM_INVALID);
	assert_non_null(strstr(e.text, "ipc://"));
	assert_int_equal(om_wire_urls_check("", &e), OM_INVALID);
	assert_int_equal(om_wire_urls_check("http://x:1", &e), OM_INVALID);
	assert_int_equal(om_wire_urls_check("127.0.0.1:45001", &e), OM_INVALID);
	assert_int_equal(om_wire_urls_check("tcp://a:1,tcp://b:2,tls+tcp://c:3", &e), OM_OK);
}

/* ---- tls+tcp ---- */

static char tls_dir[] = "/tmp/om-wire-XXXXXX";
static char ca[64], cert[64], key[64], other_ca[64], other_cert[64], other_key[64], expired[64];

static int
make_certificates(void)
{
	char cmd[1024];

	for (int i = 0; i < 2; i++) {
		const char *p = i == 0 ? "" : "other-";

		(void)snprintf(cmd, sizeof cmd,
		    "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout %sca.key -out %sca.pem -subj "
		    "/CN=%stest-ca -days 2 2>/dev/null && "
		    "openssl req -newkey rsa:2048 -nodes -keyout %sleaf.key -out %sleaf.csr -subj /CN=localhost "
		    "2>/dev/null && "
		    "openssl x509 -req -in %sleaf.csr -CA %sca.pem -CAkey %sca.key -CAcreateserial -out %sleaf.pem "
		    "-days 2 2>/dev/null",
		    tls_dir, p, p, p, p, p, p, p, p, p);
		if (system(cmd) != 0)
			return -1;
	}
	(void)snprintf(cmd, sizeof cmd,
	    "cd %s && openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out expired.pem "
	    "-days -1 2>/dev/null",
	    tls_dir);
	if (system(cmd) != 0)
		return -1;
	(void)snprintf(expired, sizeof expired, "%s/expired.pem", tls_dir);
	(void)snprintf(ca, sizeof ca, "%s/ca.pem", tls_dir);
	(void)snprintf(cert, sizeof cert, "%s/leaf.pem", tls_dir);
	(void)snprintf(key, sizeof key, "%s/leaf.key", tls_dir);
	(void)snprintf(other_ca, sizeof other_ca, "%s/other-ca.pem", tls_dir);
	(void)snprintf(other_cert, sizeof other_cert, "%s/other-leaf.pem", tls_dir);
	(void)snprintf(other_key, sizeof other_key, "%s/other-leaf.key", tls_dir);
	return 0;
}

static void
test_tls_authenticates_both_sides(void **state)
{
	struct om_wire_server_opts so = {.urls = "tls+tcp://localhost:0",
	    .workers = 2,
	    .arena_bytes = 1u << 20,
	    .handler = handle,
	    .arg = &calls,
	    .tls = {ca, cert, key}};
	struct om_wire_client_opts co = {.peer = "costd", .sockets = 1, .tls = {ca, cert, key}};
	struct om_wire_server *s = NULL;
	struct om_wire_client *good = NULL, *stranger = NULL;
	om_err e = {.text = ""};
	struct addrinfo *found = NULL;
	char cmd[128];

	(void)state;
	if (getaddrinfo("localhost", NULL, NULL, &found) != 0) {
		print_message("localhost has no address here: skipped\n");
		skip();
	}
	freeaddrinfo(found);
	assert_non_null(mkdtemp(tls_dir));
	if (make_certificates() != 0) {
		print_message("openssl is not there: skipped\n");
		skip();
	}
	assert_status(om_wire_server_open(&so, &s, &e), OM_OK, e);
	co.urls = om_wire_server_url(s, 0);
	assert_status(om_wire_client_open(&co, &good, &e), OM_OK, e);
	await_connected(good, 1);
	assert_status(call(good, DEADLINE_MS, &e), OM_OK, e);

	/* trusts the server, but shows a certificate of another authority */
	co.tls = (struct om_wire_tls){ca, other_cert, other_key};
	assert_status(om_wire_client_open(&co, &stranger, &e), OM_OK, e);
	assert_int_not_equal(call(stranger, 700, &e), OM_OK);
	assert_status(call(good, DEADLINE_MS, &e), OM_OK, e);

	/* one of the right authority, which ended yesterday */
	co.tls = (struct om_wire_tls){ca, expired, key};
	om_wire_client_free(&stranger);
	assert_status(om_wire_client_open(&co, &stranger, &e), OM_OK, e);
	assert_int_not_equal(call(stranger, 700, &e), OM_OK);
	assert_status(call(good, DEADLINE_MS, &e), OM_OK, e);

	/* does not trust the server */
	co.tls = (struct om_wire_tls){other_ca, cert, key};
	om_wire_client_free(&stranger);
	assert_status(om_wire_client_open(&co, &stranger, &e), OM_OK, e);
	assert_int_not_equal(call(stranger, 700, &e), OM_OK);
	om_wire_client_free(&stranger);

	co.tls = (struct om_wire_tls){NULL, NULL, NULL};
	assert_int_equal(om_wire_client_open(&co, &stranger, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "WIRE_TLS_CA"));
	om_wire_client_free(&good);
	om_wire_server_close(&s);

	/* the server's ended yesterday */
	so.tls.cert_file = expired;
	assert_status(om_wire_server_open(&so, &s, &e), OM_OK, e);
	co.urls = om_wire_server_url(s, 0);
	co.tls = (struct om_wire_tls){ca, cert, key};
	assert_status(om_wire_client_open(&co, &stranger, &e), OM_OK, e);
	assert_int_not_equal(call(stranger, 700, &e), OM_OK);
	om_wire_client_free(&stranger);
	om_wire_server_close(&s);
	(void)snprintf(cmd, sizeof cmd, "rm -r %s", tls_dir);
	assert_int_equal(system(cmd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_request_is_answered),
	    cmocka_unit_test(test_refusal_keeps_its_status_and_message),
	    cmocka_unit_test(test_many_threads_share_few_sockets),
	    cmocka_unit_test(test_nobody_there_is_unavailable),
	    cmocka_unit_test(test_slow_peer_is_timeout_and_the_link_recovers),
	    cmocka_unit_test(test_calls_that_are_not_wanted_do_not_wait),
	    cmocka_unit_test(test_peer_that_dies_with_the_request_is_not_waited_for),
	    cmocka_unit_test(test_requests_after_the_peer_died_do_not_wait),
	    cmocka_unit_test(test_one_of_several_urls_is_enough),
	    cmocka_unit_test(test_oversize_request_is_never_sent),
	    cmocka_unit_test(test_garbage_and_foreign_versions_are_refused),
	    cmocka_unit_test(test_bad_urls_are_refused_with_the_reason),
	    cmocka_unit_test(test_tls_authenticates_both_sides),
	};
	int failed;

	om_log_init("test", OM_LOG_ERROR);
	(void)sem_init(&go, 0, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)fflush(NULL);
	_exit(failed); /* as the services do; see wire.h */
}
