/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Heads of requests, as bytes and through the door: each has one form, and whatever has another is refused. */
#include "check.h"
#include "fixture/client.h"

#include "http/door.h"
#include "http/head.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOUND 256 /* of a head, where a test reads through the door as civetweb does */
#define LINE  "GET /a HTTP/1.1\r\n"

/* ---- as bytes ---- */

/* copy gives the bytes without a zero after them, so that AddressSanitizer sees what is read beyond their end. */
static char *
copy(const char *head, size_t n)
{
	char *bytes = malloc(n > 0 ? n : 1);

	assert_non_null(bytes);
	memcpy(bytes, head, n);
	return bytes;
}

/* judge tells why a head of n bytes is refused that arrives all at once; NULL when it is whole and good. */
static const char *
judge(const char *head, size_t n)
{
	char *bytes = copy(head, n);
	const char *why = NULL;
	size_t seen = 0, end = gw_head_end(bytes, n, &seen, &why);

	if (why == NULL)
		why = end == n ? gw_head_fault(bytes, n) : "no end at its end";
	free(bytes);
	return why;
}

/* judge_slowly is the same for one that arrives byte by byte. */
static const char *
judge_slowly(const char *head, size_t n)
{
	const char *why = NULL;
	size_t seen = 0, end = 0;

	for (size_t have = 1; have <= n && end == 0 && why == NULL; have++) {
		char *bytes = copy(head, have);

		end = gw_head_end(bytes, have, &seen, &why);
		if (end > 0)
			why = end == n ? gw_head_fault(bytes, have) : "an end before its end";
		free(bytes);
	}
	return end == 0 && why == NULL ? "no end at its end" : why;
}

static void
test_good_heads_are_taken(void **state)
{
	static const char *const good[] = {
	    LINE "\r\n",
	    "GET / HTTP/1.0\r\n\r\n",
	    "OPTIONS /a?b=*&c=http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
	    "M-SEARCH /a HTTP/1.1\r\nHost:x\r\n\r\n",
	    LINE "Empty:\r\nBlank: \r\nTab:\ta\tb\r\n\r\n",
	    LINE "X: a: b\r\n!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n",
	    LINE "X: Stra\xc3\x9f"
		 "e \xff\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_null(judge(good[i], strlen(good[i])));
		assert_null(judge_slowly(good[i], strlen(good[i])));
	}
}

#define BYTES(text) text, sizeof(text) - 1
static const struct {
	const char *head;
	size_t n;
	const char *why; /* a part of the phrase */
} bad[] = {
    {BYTES("\r\n" LINE "\r\n"), "before the request line"},
    {BYTES("\r\n\r\n" LINE "\r\n"), "before the request line"},
    {BYTES("\n" LINE "\r\n"), "before the request line"},
    {BYTES(" " LINE "\r\n"), "before the request line"},
    {BYTES("\t" LINE "\r\n"), "before the request line"},
    {BYTES("\0" LINE "\r\n"), "before the request line"},
    {BYTES("\x7f" LINE "\r\n"), "before the request line"},
    {BYTES(LINE " Host: x\r\n\r\n"), "begins with a blank"},
    {BYTES(LINE "\tHost: x\r\n\r\n"), "begins with a blank"},
    {BYTES(LINE " \r\n\r\n"), "begins with a blank"},
    {BYTES(LINE "Host: x\r\n folded\r\n\r\n"), "begins with a blank"},
    {BYTES(LINE "Host : x\r\n\r\n"), "a name and a colon"},
    {BYTES(LINE "Host\t: x\r\n\r\n"), "a name and a colon"},
    {BYTES(LINE ": x\r\n\r\n"), "a name and a colon"},
    {BYTES(LINE "Host\r\n\r\n"), "a name and a colon"},
    {BYTES(LINE "H\xc3\xb6st: x\r\n\r\n"), "a name and a colon"},
    {BYTES(LINE "Host: x\r\nH\r\nX: y\r\n\r\n"), "a name and a colon"},
    {BYTES("GET http://x/a HTTP/1.1\r\n\r\n"), "not a path of this server"},
    {BYTES("GET //\x01 HTTP/1.1\r\n\r\n"), "control character"},
    {BYTES("OPTIONS * HTTP/1.1\r\n\r\n"), "not a path of this server"},
    {BYTES("CONNECT x:443 HTTP/1.1\r\n\r\n"), "not a path of this server"},
    {BYTES("GET  /a HTTP/1.1\r\n\r\n"), "not a path of this server"},
    {BYTES("GET\t/a HTTP/1.1\r\n\r\n"), "a method and one blank"},
    {BYTES("G\xc3\x89T /a HTTP/1.1\r\n\r\n"), "a method and one blank"},
    {BYTES("/a HTTP/1.1\r\n\r\n"), "a method and one blank"},
    {BYTES("GET\r\n\r\n"), "a method and one blank"},
    {BYTES("GET \r\n\r\n"), "not a path of this server"},
    {BYTES("GET /\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET / \r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a  HTTP/1.1\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a b HTTP/1.1\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a\tHTTP/1.1\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /\xc3\xa4 HTTP/1.1\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a HTTP/1.1 \r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a HTTP/1.2\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a HTTP/2.0\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a http/1.1\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a HTTP/1.10\r\n\r\n"), "one blank and HTTP/1.1"},
    {BYTES("GET /a HTTP/1.1\nHost: x\r\n\r\n"), "a line feed stands alone"},
    {BYTES(LINE "Host: x\n\r\n"), "a line feed stands alone"},
    {BYTES(LINE "Host: x\n\n"), "a line feed stands alone"},
    {BYTES(LINE "\n"), "a line feed stands alone"},
    {BYTES(LINE "X: a\nContent-Length: 5\r\n\r\n"), "a line feed stands alone"},
    {BYTES(LINE "X: a\rContent-Length: 5\r\n\r\n"), "a carriage return stands alone"},
    {BYTES(LINE "X: a\r\r\n\r\n"), "a carriage return stands alone"},
    {BYTES(LINE "\r\r\n"), "a carriage return stands alone"},
    {BYTES("GET /a\r HTTP/1.1\r\n\r\n"), "a carriage return stands alone"},
    {BYTES(LINE "X: a\0b\r\n\r\n"), "control character"},
    {BYTES(LINE "X\0: a\r\n\r\n"), "control character"},
    {BYTES("GET /a\0b HTTP/1.1\r\n\r\n"), "control character"},
    {BYTES(LINE "X: a\x0b\r\n\r\n"), "control character"},
    {BYTES(LINE "X: a\x7f\r\n\r\n"), "control character"},
};

static void
test_bad_heads_are_refused_however_they_arrive(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *all = judge(bad[i].head, bad[i].n), *slowly = judge_slowly(bad[i].head, bad[i].n);

		if (all == NULL || strstr(all, bad[i].why) == NULL || slowly == NULL || strcmp(all, slowly) != 0)
			fail_msg("\n%s\n%s, and byte by byte %s; wanted: %s", bad[i].head, all != NULL ? all : "taken",
			    slowly != NULL ? slowly : "taken", bad[i].why);
	}
}

static void
test_a_head_ends_at_its_first_empty_line(void **state)
{
	static const char two[] = LINE "Host: x\r\n\r\n" LINE "\r\n\0\n";
	const size_t first = strlen(LINE "Host: x\r\n\r\n");
	const char *why;
	size_t seen = 0;

	(void)state;
	assert_int_equal(gw_head_end(two, sizeof two - 1, &seen, &why), first);
	assert_null(why); /* what follows is not its business */
	for (size_t n = 0; n < first; n++) {
		seen = 0;
		assert_int_equal(gw_head_end(two, n, &seen, &why), 0);
		assert_null(why);
		assert_true(seen <= n && seen + 1 >= n);
	}
}

/* ---- what the head says of its body ---- */

#define H(name, value)      \
	{                   \
		name, value \
	}
static const struct {
	struct gw_header headers[3];
	size_t n;
	const char *why; /* a part of the message; NULL: it is taken */
} bodies[] = {
    {{H("Host", "x"), H("Content-Length", "0")}, 2, NULL},
    {{H("Host", "x"), H("Content-Length", "9223372036854775806")}, 2, NULL},
    {{H("Host", "x"), H("Content-Length", "9223372036854775807")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "18446744073709551616")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "+2")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "-2")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "2, 2")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "2 ")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "0x2")}, 2, "not a decimal number"},
    {{H("Host", "x"), H("Content-Length", "2"), H("content-length", "2")}, 3, "Content-Length is given twice"},
    {{H("Host", "x"), H("Content-Length", "2"), H("Content-Length", "3")}, 3, "Content-Length is given twice"},
    {{H("Host", "x"), H("Transfer-Encoding", "chunked")}, 2, NULL},
    {{H("Host", "x"), H("transfer-encoding", "Chunked")}, 2, NULL},
    {{H("Host", "x"), H("Transfer-Encoding", "gzip, chunked")}, 2, "not chunked"},
    {{H("Host", "x"), H("Transfer-Encoding", "identity")}, 2, "not chunked"},
    {{H("Host", "x"), H("Transfer-Encoding", "")}, 2, "not chunked"},
    {{H("Host", "x"), H("Transfer-Encoding", "chunked"), H("TRANSFER-ENCODING", "chunked")}, 3, "given twice"},
    {{H("Host", "x"), H("Content-Length", "2"), H("Transfer-Encoding", "chunked")}, 3, "are both given"},
    {{H("Host", "x"), H("Transfer-Encoding", "chunked"), H("Content-Length", "2")}, 3, "are both given"},
    {{H("Host", "x"), H("Content-Length", "0"), H("Transfer-Encoding", "identity")}, 3, "are both given"},
    {{H("Host", "x"), H("host", "x")}, 2, "Host is given twice"},
    {{H("Content-Length", "0")}, 1, "Host is missing"},
};

static void
test_a_body_has_one_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		struct om_arena arena;
		struct gw_req rq = {.method = "POST",
		    .path = "/a",
		    .query = "",
		    .headers = bodies[i].headers,
		    .n_headers = bodies[i].n,
		    .arena = &arena};
		om_err e = {.text = ""};
		om_status s;

		om_arena_init(&arena, 1 << 16);
		s = gw_req_check(&rq, "1.1", &e);
		if (s != (bodies[i].why == NULL ? OM_OK : OM_INVALID) ||
		    strstr(e.text, bodies[i].why != NULL ? bodies[i].why : "") == NULL)
			fail_msg("case %zu: \"%s\"", i, e.text);
		om_arena_fini(&arena);
	}
}

/* ---- through the door ---- */

static struct {
	struct gw_door *door;
	int listener, ours, theirs;
} at;

static int
open_connection(void **state)
{
	const struct gw_door_opts o = {.most = 4, .workers = 2, .per_address = 2, .head_ms = FX_PATIENCE_MS};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof a;
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_door_open(&o, &at.door, &e), OM_OK, e);
	gw_door_enter(at.door);
	at.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(at.listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(at.listener, 4), 0);
	assert_int_equal(getsockname(at.listener, (struct sockaddr *)&a, &n), 0);
	at.theirs = fx_connect(ntohs(a.sin_port));
	at.ours = accept(at.listener, (struct sockaddr *)&a, &n);
	assert_true(at.ours >= 0);
	return 0;
}

static int
close_connection(void **state)
{
	(void)state;
	gw_door_close(&at.door);
	gw_door_enter(NULL);
	(void)close(at.ours);
	(void)close(at.theirs);
	(void)close(at.listener);
	return 0;
}

/* read_one reads a head as civetweb does, and tells why the door refused it. */
static const char *
read_one(char *buf, ssize_t *n_out)
{
	om_status s;

	*n_out = recv(at.ours, buf, BOUND, 0);
	assert_true(*n_out > 0);
	return gw_conn_fault(gw_conn_mine(), &s);
}

/* send_head sends a good head of n bytes, and what follows it. */
static void
send_head(size_t n, const char *next)
{
	static const char end[] = {'\r', '\n', '\r', '\n'};
	char head[2 * BOUND];
	int line = snprintf(head, sizeof head, LINE "X: ");

	memset(head + line, 'x', n - (size_t)line);
	memcpy(head + n - sizeof end, end, sizeof end);
	fx_send(at.theirs, head, n);
	fx_send(at.theirs, next, strlen(next));
}

static void
test_a_head_at_the_bound_is_taken_alone(void **state)
{
	char buf[BOUND];
	ssize_t n;

	(void)state;
	send_head(BOUND, "body");
	assert_null(read_one(buf, &n));
	assert_int_equal(n, BOUND);
	assert_memory_equal(buf + BOUND - 4, "\r\n\r\n", 4);
	assert_int_equal(recv(at.ours, buf, BOUND, 0), 4); /* after the head it is the body's turn */
	assert_memory_equal(buf, "body", 4);
}

static void
test_a_head_one_above_the_bound_is_refused(void **state)
{
	char buf[BOUND];
	ssize_t n;

	(void)state;
	send_head(BOUND + 1, "");
	assert_string_equal(read_one(buf, &n), "the head is too large");
	assert_memory_equal(buf, "GET / HTTP/1.1\r\n", 16); /* what civetweb reads in its place */
	assert_memory_equal(buf + n - 4, "\r\n\r\n", 4);
}

static void
test_two_heads_are_read_one_after_the_other(void **state)
{
	static const char both[] = LINE "\r\n"
					"\r\n" LINE "\r\n";
	char buf[BOUND];
	ssize_t n;

	(void)state;
	fx_send(at.theirs, both, sizeof both - 1);
	assert_null(read_one(buf, &n));
	assert_int_equal(n, strlen(LINE "\r\n"));
	gw_conn_next(gw_conn_mine());
	assert_string_equal(read_one(buf, &n), "nothing may stand before the request line");
}

static void
test_no_byte_of_a_bad_head_gets_through(void **state)
{
	char buf[BOUND];
	ssize_t n;

	(void)state;
	fx_send(at.theirs, BYTES("OPTIONS * HTTP/1.1\r\nEvil: 1\r\n\r\n"));
	assert_string_equal(read_one(buf, &n), "the target is not a path of this server");
	for (ssize_t i = 0; i + 4 <= n; i++)
		assert_memory_not_equal(buf + i, "Evil", 4);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, open_connection, close_connection)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good_heads_are_taken),
	    cmocka_unit_test(test_bad_heads_are_refused_however_they_arrive),
	    cmocka_unit_test(test_a_head_ends_at_its_first_empty_line),
	    cmocka_unit_test(test_a_body_has_one_length),
	    WITH(test_a_head_at_the_bound_is_taken_alone),
	    WITH(test_a_head_one_above_the_bound_is_refused),
	    WITH(test_two_heads_are_read_one_after_the_other),
	    WITH(test_no_byte_of_a_bad_head_gets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
