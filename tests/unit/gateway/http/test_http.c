/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The whole gateway behind a real socket, asked by hand-written bytes. */
#include "fixture/alone.h"

#include "http/http.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
check_headers(const char *reply)
{
	static const char csp[] =
	    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
	    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
	char v[512];

	assert_string_equal(fx_header(reply, "Content-Security-Policy", v), csp);
	assert_string_equal(fx_header(reply, "X-Content-Type-Options", v), "nosniff");
	assert_string_equal(fx_header(reply, "Referrer-Policy", v), "no-referrer");
	assert_string_equal(fx_header(reply, "Cross-Origin-Opener-Policy", v), "same-origin");
	assert_string_equal(fx_header(reply, "Cross-Origin-Resource-Policy", v), "same-origin");
	assert_int_equal(strlen(fx_header(reply, "X-Request-Id", v)), 32);
	assert_string_equal(fx_header(reply, "Access-Control-Allow-Origin", v), "");
	(void)fx_header(reply, "Connection", v);
	assert_true(strcmp(v, "close") == 0 || v[0] == 0);
}

/* expect asks, checks status and headers, and says what was asked if it is wrong. */
static void
expect(const char *text, int status)
{
	char *reply = fx_ask(fx_alone.port, text);

	if (fx_status(reply) != status)
		fail_msg("\n%s\ngot\n%s\nwanted %d", text, reply, status);
	check_headers(reply);
	free(reply);
}

/* ---- what HTTP itself may look like ---- */

static void
test_ambiguous_requests_are_refused(void **state)
{
#define HEAD_LINES "POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST FX_JSON
	/* the bodies are good: only the heads are to blame */
	static const char *const bad[] = {
	    HEAD_LINES "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
	    HEAD_LINES "Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]",
	    HEAD_LINES "Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
	    HEAD_LINES "Content-Length: 2abc\r\n\r\n[]",
	    HEAD_LINES "Content-Length: +2\r\n\r\n[]",
	    HEAD_LINES "Content-Length: -2\r\n\r\n[]",
	    HEAD_LINES "Content-Length: 99999999999999999999\r\n\r\n[]",
	    HEAD_LINES "Content-Length: 9223372036854775807\r\n\r\n[]",
	    HEAD_LINES "Content-Length: \r\n\r\n[]",
	    HEAD_LINES "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
	    HEAD_LINES "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
	    HEAD_LINES "Transfer-Encoding: xchunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
	    HEAD_LINES "\r\n[]", /* no length at all */
	    HEAD_LINES " folded\r\nContent-Length: 2\r\n\r\n[]",
	    "POST " FX_EVENTS " HTTP/1.1\r\n" FX_INGEST FX_JSON "Content-Length: 2\r\n\r\n[]", /* no Host */
	    "GET /healthcheck HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	    "GET /healthcheck HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n",
	    "GET /healthcheck HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n",
	    "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /a%0Ab HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /a% HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /healthcheck\r\n\r\n",
	    "GET  HTTP/1.1\r\nHost: a\r\n\r\n",
	    "\r\n\r\n\r\n",
	};
	char many[8192];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char *reply = fx_ask(fx_alone.port, bad[i]);

		/* a head civetweb cannot make out at all may just be hung up on */
		if (fx_status(reply) != 400 && reply[0] != '\0')
			fail_msg("\n%s\ngot\n%s", bad[i], reply);
		if (reply[0] != '\0')
			check_headers(reply);
		free(reply);
	}
	n = (size_t)snprintf(many, sizeof many, "GET /healthcheck HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 70; i++)
		n += (size_t)snprintf(many + n, sizeof many - n, "X-%d: 1\r\n", i);
	(void)snprintf(many + n, sizeof many - n, "\r\n");
	expect(many, 400);
	assert_int_equal(fx_alone_pending(), 0);
}

/* answers counts the replies to what is sent over one connection. */
static int
answers(const char *text)
{
	char *reply = fx_ask(fx_alone.port, text);
	int n = 0;

	for (const char *p = strstr(reply, "HTTP/1.1 "); p != NULL; p = strstr(p + 1, "HTTP/1.1 "))
		n++;
	free(reply);
	return n;
}

static void
test_connection_is_kept_only_where_the_end_is_beyond_doubt(void **state)
{
#define NEXT "GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n"
	static const struct {
		const char *first;
		int answers;
	} cases[] = {
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n", 2},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", 2},
	    {"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: " FX_INGEST_KEY "\r\n"
	     "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
		2},
	    {"GET /nothing/here HTTP/1.1\r\nHost: x\r\n\r\n", 2},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.1\r\n\r\n", 1},                                               /* no Host */
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", 1},             /* unread */
	    {"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", 1},          /* 401 */
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nContent-Length: 3\r\n\r\n", 1}, /* folded */
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\n A: b\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\n: b\r\nContent-Length: 3\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 1},
	    {"GET /healthcheck HTTP/1.1\r\nHost: x\r\nA: b\n\r\n", 1},
	    {"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: " FX_INGEST_KEY "\r\n"
	     "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
		1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[1024];

		(void)snprintf(text, sizeof text, "%s" NEXT, cases[i].first);
		if (answers(text) != cases[i].answers)
			fail_msg("case %zu: %d answers", i, answers(text));
	}
}

static void
test_methods_are_those_of_the_table(void **state)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH",
	    "CONNECT", "PROPFIND", "LOCK", "MKCOL"};
	static const struct {
		const char *path, *allow;
	} paths[] = {
	    {"/healthcheck", "GET, HEAD"},
	    {FX_EVENTS, "POST"},
	    {"/api/v1/usage", "GET"},
	    {"/api/v1/login", "POST"},
	    {"/api/v1/reports/2026-11.pdf", "GET, HEAD"},
	    {"/somewhere", "GET, HEAD"},
	};
	char text[400], v[512];

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
			char *reply;

			(void)snprintf(text, sizeof text,
			    "%s %s HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\n"
			    "Access-Control-Request-Method: POST\r\nContent-Length: 0\r\n\r\n",
			    methods[m], paths[i].path);
			reply = fx_ask(fx_alone.port, text);
			if (strstr(paths[i].allow, methods[m]) != NULL) {
				assert_int_not_equal(fx_status(reply), 405);
			} else if (fx_status(reply) == 405) {
				assert_string_equal(fx_header(reply, "Allow", v), paths[i].allow);
			} else if (fx_status(reply) != 400) { /* civetweb does not know TRACE and the like */
				fail_msg("%s %s: %s", methods[m], paths[i].path, reply);
			}
			if (reply[0] != '\0')
				check_headers(reply);
			free(reply);
		}
}

static void
test_files_and_websockets_of_the_library_are_out_of_reach(void **state)
{
	static const char *const paths[] = {"/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
	    "/.htpasswd", "//etc/passwd", "/assets/../../../etc/passwd", "/assets/x.js"};
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		char *reply;

		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
		reply = fx_ask(fx_alone.port, text);
		assert_null(strstr(reply, "root:"));
		assert_true(fx_status(reply) == 404 || strstr(reply, "OWUI-Metering") != NULL);
		check_headers(reply);
		free(reply);
	}
	expect("GET /api/v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	    401);
}

/* ---- bodies ---- */

static void
test_body_over_the_limit_is_413_and_the_answer_arrives(void **state)
{
	size_t n = GW_BODY_EVENTS + 1;
	char *body = malloc(n), head[300], *reply;
	int fd = fx_connect(fx_alone.port);

	(void)state;
	assert_non_null(body);
	memset(body, ' ', n);
	(void)snprintf(head, sizeof head,
	    "POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST FX_JSON "Content-Length: %zu\r\n\r\n", n);
	fx_send(fd, head, strlen(head));
	fx_send(fd, body, n);
	reply = fx_receive(fd);
	assert_int_equal(fx_status(reply), 413);
	free(reply);
	(void)close(fd);
	/* without a length the limit is found while reading */
	fd = fx_connect(fx_alone.port);
	(void)snprintf(head, sizeof head,
	    "POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST FX_JSON "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
	    n);
	fx_send(fd, head, strlen(head));
	fx_send(fd, body, n);
	fx_send(fd, "\r\n0\r\n\r\n", 7);
	reply = fx_receive(fd);
	assert_int_equal(fx_status(reply), 413);
	free(reply);
	(void)close(fd);
	free(body);
	assert_int_equal(fx_alone_pending(), 0);
}

static void
test_cut_bodies_store_nothing(void **state)
{
	/* each is valid up to where it ends */
	static const char *const cut[] = {
	    "Content-Length: 500\r\n\r\n" FX_RECORD "\n",
	    "Transfer-Encoding: chunked\r\n\r\n65\r\n" FX_RECORD "\n\r\n",
	    "Transfer-Encoding: chunked\r\n\r\n65\r\n" FX_RECORD "\n\r\n0",
	    "Transfer-Encoding: chunked\r\n\r\n65\r\n" FX_RECORD "\n\r\nzz\r\n\r\n",
	    "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" FX_RECORD "\n\r\n0\r\n\r\n",
	    "Transfer-Encoding: chunked\r\n\r\n3\r\n" FX_RECORD "\n\r\n0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
		int fd = fx_connect(fx_alone.port);
		char text[1000], *reply;

		(void)snprintf(text, sizeof text,
		    "POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST "Content-Type: application/x-ndjson\r\n%s",
		    cut[i]);
		fx_send(fd, text, strlen(text));
		(void)shutdown(fd, SHUT_WR);
		reply = fx_receive(fd);
		if (fx_status(reply) != 400)
			fail_msg("%s\ngot %s", cut[i], reply);
		free(reply);
		(void)close(fd);
	}
	assert_int_equal(fx_alone_pending(), 0);
}

static void
test_chunked_body_is_taken(void **state)
{
	(void)state;
	expect("POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST FX_JSON "Transfer-Encoding: chunked\r\n\r\n5\r\n["
	       "{\"v\""
	       "\r\n5;x=y\r\n:1},{\r\n1\r\n}\r\n1\r\n]\r\n0\r\n\r\n",
	    400);
	expect("POST " FX_EVENTS " HTTP/1.1\r\nHost: x\r\n" FX_INGEST FX_JSON
	       "Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n",
	    200);
}

static void
test_media_types_are_checked(void **state)
{
	static const struct {
		const char *type;
		int status;
	} types[] = {
	    {"Content-Type: application/json\r\n", 200},
	    {"Content-Type: Application/JSON; charset=UTF-8\r\n", 200},
	    {"Content-Type: application/x-ndjson\r\n", 400}, /* [] is no record */
	    {"Content-Type: application/ndjson\r\n", 400},
	    {"Content-Type: application/jsonl; charset=utf-8\r\n", 400},
	    {"Content-Type: application/json; charset=latin1\r\n", 415},
	    {"Content-Type: application/jsonp\r\n", 415},
	    {"Content-Type: text/plain\r\n", 415},
	    {"Content-Type: application/json\r\nContent-Encoding: gzip\r\n", 415},
	    {"", 415},
	};

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		char extra[300], *reply;

		(void)snprintf(extra, sizeof extra, FX_INGEST "%s", types[i].type);
		reply = fx_request(fx_alone.port, "POST", FX_EVENTS, extra, "[]");
		if (fx_status(reply) != types[i].status)
			fail_msg("%s: %s", types[i].type, reply);
		free(reply);
	}
}

/* ---- ingest ---- */

#define NO_KEY "generation_id: is missing, and there is no turn_id either"

static void
test_events_are_answered_with_what_became_of_them(void **state)
{
	char *reply;

	(void)state;
	reply = fx_request(fx_alone.port, "POST", FX_EVENTS, FX_INGEST FX_JSON, "[" FX_RECORD ",{\"v\":1}]");
	assert_int_equal(fx_status(reply), 200);
	assert_string_equal(
	    fx_body(reply), "{\"accepted\":1,\"rejected\":[{\"index\":1,\"reason\":\"" NO_KEY "\"}],\"repaired\":[]}");
	free(reply);
	reply = fx_request(fx_alone.port, "POST", FX_EVENTS, FX_INGEST FX_JSON, "{\"v\":1}");
	assert_int_equal(fx_status(reply), 400);
	assert_non_null(strstr(reply, "application/problem+json"));
	assert_non_null(
	    strstr(reply, "\"accepted\":0,\"rejected\":[{\"index\":0,\"reason\":\"" NO_KEY "\"}],\"repaired\":[]}"));
	free(reply);
	reply = fx_request(fx_alone.port, "POST", FX_EVENTS, FX_INGEST FX_JSON, "[1,");
	assert_int_equal(fx_status(reply), 400);
	assert_non_null(strstr(reply, "line 1, column"));
	free(reply);
	reply = fx_request(fx_alone.port, "POST", FX_EVENTS, FX_INGEST "Content-Type: application/x-ndjson\r\n",
	    FX_RECORD "\n{\n" FX_RECORD);
	assert_non_null(strstr(reply, "{\"accepted\":2,\"rejected\":[{\"index\":1"));
	free(reply);
	reply = fx_request(
	    fx_alone.port, "POST", FX_EVENTS, FX_INGEST FX_JSON, "{\"turn_id\":\"t\",\"user\":{\"id\":\"u\"},\"v\":2}");
	assert_string_equal(fx_body(reply),
	    "{\"accepted\":1,\"rejected\":[],\"repaired\":[{\"index\":0,\"field\":\"v\",\"reason\":\"not 1: read as "
	    "1\"}]}");
	free(reply);
	assert_int_equal(fx_alone_pending(), 4);
}

static void
test_older_call_answers_in_its_own_words(void **state)
{
	static const char path[] = "/api/v1/metering/record";
	char *reply;

	(void)state;
	reply = fx_request(
	    fx_alone.port, "POST", path, FX_INGEST FX_JSON, "{\"user\":{\"id\":\"u\"},\"activity\":{\"id\":\"a\"}}");
	assert_int_equal(fx_status(reply), 200);
	assert_string_equal(fx_body(reply), "{\"success\":true}");
	free(reply);
	reply = fx_request(fx_alone.port, "POST", path, FX_INGEST FX_JSON, "{}");
	assert_int_equal(fx_status(reply), 400);
	assert_string_equal(fx_body(reply), "{\"success\":false,\"error\":\"activity: is missing or no object\"}");
	free(reply);
	reply = fx_request(fx_alone.port, "POST", path, FX_JSON, "{}");
	assert_int_equal(fx_status(reply), 401);
	assert_non_null(strstr(reply, "{\"success\":false,\"error\":"));
	free(reply);
}

static void
test_full_spool_is_503_with_retry_after(void **state)
{
	char v[512], *reply;

	(void)state;
	fx_gateway_stop(&fx_alone);
	fx_dir_remove(&fx_alone.dir);
	fx_alone.spool_limit_bytes = 100;
	fx_gateway_start(&fx_alone, fx_alone_costd());
	reply = fx_request(fx_alone.port, "POST", FX_EVENTS, FX_INGEST FX_JSON, FX_RECORD);
	assert_int_equal(fx_status(reply), 200);
	free(reply);
	reply = fx_request(fx_alone.port, "POST", FX_EVENTS, FX_INGEST FX_JSON, "[" FX_RECORD "," FX_RECORD "]");
	assert_int_equal(fx_status(reply), 503);
	assert_string_equal(fx_header(reply, "Retry-After", v), "30");
	free(reply);
	reply = fx_request(fx_alone.port, "GET", "/readyz", "", NULL);
	assert_int_equal(fx_status(reply), 503);
	assert_non_null(strstr(reply, "\"status\":\"unavailable\",\"spool\":{\"state\":\"full\",\"pending\":1"));
	free(reply);
	fx_gateway_stop(&fx_alone);
	fx_alone.spool_limit_bytes = 0;
	fx_gateway_start(&fx_alone, fx_alone_costd());
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup(test, fx_alone_set_up)
	const struct CMUnitTest tests[] = {
	    WITH(test_ambiguous_requests_are_refused),
	    WITH(test_connection_is_kept_only_where_the_end_is_beyond_doubt),
	    WITH(test_methods_are_those_of_the_table),
	    WITH(test_files_and_websockets_of_the_library_are_out_of_reach),
	    WITH(test_body_over_the_limit_is_413_and_the_answer_arrives),
	    WITH(test_cut_bodies_store_nothing),
	    WITH(test_chunked_body_is_taken),
	    WITH(test_media_types_are_checked),
	    WITH(test_events_are_answered_with_what_became_of_them),
	    WITH(test_older_call_answers_in_its_own_words),
	    WITH(test_full_spool_is_503_with_retry_after),
	};

	return cmocka_run_group_tests(tests, fx_alone_start, fx_alone_stop);
}
