/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Peers that take their time with a body, and a gateway that stops meanwhile. */
#include "fixture/gateway.h"

#include "http/http.h"
#include "base/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_LINES "POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST FX_JSON

static struct fx_gateway g; /* without a costd */

static int
set_up(void **state)
{
	(void)state;
	fx_gateway_start(&g, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fx_gateway_stop(&g);
	fx_dir_remove(&g.dir);
	return 0;
}

/* A body that never ends, byte by byte: `body` from its start again and again. */
struct trickle {
	const char *head, *body;
	size_t at, most; /* bytes of the body sent; and at most, if it is not endless */
	int fd;
};

/* trickle sends bytes to all until each of them is answered. */
static void
trickle(struct trickle *t, size_t n)
{
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;
	size_t answered = 0;

	while (answered < n) {
		assert_true(om_mono_ms() < until); /* a deadline that each byte moves never comes */
		answered = 0;
		(void)poll(NULL, 0, 200); /* their pace */
		for (size_t i = 0; i < n; i++) {
			struct pollfd p = {.fd = t[i].fd, .events = POLLIN};

			if (poll(&p, 1, 0) > 0)
				answered++;
			else if (t[i].most == 0 || t[i].at < t[i].most)
				fx_send(t[i].fd, t[i].body + t[i].at++ % strlen(t[i].body), 1);
		}
	}
}

static void
test_trickling_bodies_end_at_the_deadline_and_do_not_block_others(void **state)
{
	struct trickle all[] = {/* as many as there are threads */
	    {.head = HEAD_LINES "Content-Length: 100000\r\n\r\n", .body = " "},
	    {.head = HEAD_LINES "Content-Length: 100000\r\n\r\n", .body = " "},
	    {.head = HEAD_LINES "Transfer-Encoding: chunked\r\n\r\n", .body = "1\r\n \r\n"},
	    {.head = HEAD_LINES "Transfer-Encoding: chunked\r\n\r\n", .body = "0", .most = 12}}; /* a chunk's size */
	static const char get[] = "GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	const size_t n = sizeof all / sizeof all[0];
	const int64_t before = fx_gateway_pending(&g);
	int healthy;
	char *reply;

	(void)state;
	fx_gateway_stop(&g);
	g.body_timeout_s = 1;
	fx_gateway_start(&g, NULL);
	for (size_t i = 0; i < n; i++) {
		all[i].fd = fx_connect(g.port);
		fx_send(all[i].fd, all[i].head, strlen(all[i].head));
	}
	healthy = fx_connect(g.port);
	fx_send(healthy, get, strlen(get));
	trickle(all, n);
	reply = fx_receive(healthy);
	assert_int_equal(fx_status(reply), 200);
	free(reply);
	(void)close(healthy);
	for (size_t i = 0; i < n; i++) {
		reply = fx_receive(all[i].fd);
		if (fx_status(reply) != 408)
			fail_msg("%zu: %s", i, reply);
		free(reply);
		(void)close(all[i].fd);
	}
	assert_int_equal(fx_gateway_pending(&g), before);
	fx_gateway_stop(&g);
	g.body_timeout_s = 0;
	fx_gateway_start(&g, NULL);
}

static const char asks_first[] =
    "POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST FX_JSON "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";

/* continues asks whether to send the body and gets the answer before it. */
static void
continues(int fd)
{
	char *reply;

	fx_send(fd, asks_first, strlen(asks_first));
	reply = fx_receive_head(fd);
	assert_string_equal(reply, "HTTP/1.1 100 Continue\r\n\r\n");
	free(reply);
}

static void
test_expect_continue_is_answered_before_the_body(void **state)
{
	int fd = fx_connect(g.port);
	char *reply;

	(void)state;
	continues(fd);
	fx_send(fd, "[]", 2);
	(void)shutdown(fd, SHUT_WR);
	reply = fx_receive(fd);
	assert_int_equal(fx_status(reply), 200);
	free(reply);
	(void)close(fd);
	/* refused without waiting for the body */
	reply = fx_ask(g.port,
	    "POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_JSON "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(fx_status(reply), 401);
	free(reply);
}

static void *
stop(void *arg)
{
	(void)arg;
	fx_gateway_stop(&g);
	return NULL;
}

static void
test_stop_answers_what_is_under_way(void **state)
{
	static const char get[] = "GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;
	int status = 0, fd = fx_connect(g.port);
	pthread_t thread;
	char *reply;

	(void)state;
	continues(fd); /* it is under way, its body is waited for */
	assert_int_equal(pthread_create(&thread, NULL, stop, NULL), 0);
	while (status != 503) { /* the stop has begun: a client that connects now is sent away */
		reply = fx_ask(g.port, get);
		status = fx_status(reply);
		free(reply);
		assert_true(om_mono_ms() < until);
	}
	fx_send(fd, "[]", 2);
	reply = fx_receive(fd);
	assert_int_equal(fx_status(reply), 200);
	free(reply);
	(void)close(fd);
	assert_int_equal(pthread_join(thread, NULL), 0);
	fx_gateway_start(&g, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_trickling_bodies_end_at_the_deadline_and_do_not_block_others),
	    cmocka_unit_test(test_expect_continue_is_answered_before_the_body),
	    cmocka_unit_test(test_stop_answers_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
