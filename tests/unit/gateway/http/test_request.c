/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is read from a request without a server: encodings, queries, proxies. */
#include "check.h"

#include "settings.h"
#include "access/password.h"
#include "http/arguments.h"
#include "http/gzip.h"
#include "http/proxy.h"
#include "pages/assets.h"
#include "usage.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct om_arena arena;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

/* ---- our own table in place of the built-in one ---- */

static const unsigned char page[] = "<!doctype html>page";
static const unsigned char script[] = "console.log('plain')";
static const unsigned char packed[] = "not really gzip";

const struct gw_asset gw_asset_table[] = {
    {"/index.html", "text/html; charset=utf-8", "\"aaaa\"", page, sizeof page - 1, NULL, 0},
    {"/assets/x-1.js", "text/javascript; charset=utf-8", "\"bbbb\"", script, sizeof script - 1, packed,
	sizeof packed - 1},
};
const size_t gw_asset_count = 2;

struct asked {
	struct gw_reply rp;
	struct gw_assets *assets;
};

static void
ask_asset(struct asked *a, const char *dir, const char *path, const struct gw_header *headers, size_t n)
{
	struct gw_req rq = {.method = "GET",
	    .path = path,
	    .query = "",
	    .request_id = "id",
	    .headers = headers,
	    .n_headers = n,
	    .arena = &arena};
	om_err e = {.text = ""};

	assert_status(gw_assets_new(dir, &a->assets, &e), OM_OK, e);
	gw_reply_init(&a->rp);
	gw_assets_serve(a->assets, &rq, &a->rp);
}

static void
done(struct asked *a)
{
	gw_reply_fini(&a->rp);
	gw_assets_free(&a->assets);
}

static void
test_assets_are_kept_and_pages_are_asked_again(void **state)
{
	static const struct gw_header gzip[] = {{"Accept-Encoding", "br, gzip;q=0.8"}};
	static const struct gw_header no_gzip[] = {{"accept-encoding", "gzip;q=0, br"}};
	struct asked a;

	(void)state;
	ask_asset(&a, NULL, "/assets/x-1.js", gzip, 1);
	assert_int_equal(a.rp.status, 200);
	assert_ptr_equal(a.rp.data, packed);
	assert_string_equal(a.rp.cache_control, "public, max-age=31536000, immutable");
	assert_non_null(strstr(a.rp.headers.data, "Content-Encoding: gzip\r\n"));
	assert_non_null(strstr(a.rp.headers.data, "Vary: Accept-Encoding\r\n"));
	assert_non_null(strstr(a.rp.headers.data, "ETag: \"bbbb-gz\"\r\n"));
	done(&a);
	ask_asset(&a, NULL, "/assets/x-1.js", no_gzip, 1);
	assert_ptr_equal(a.rp.data, script);
	assert_non_null(strstr(a.rp.headers.data, "ETag: \"bbbb\"\r\n"));
	done(&a);
	/* any other path is a page of the dashboard */
	ask_asset(&a, NULL, "/users/a%2Fb", gzip, 1);
	assert_ptr_equal(a.rp.data, page);
	assert_string_equal(a.rp.cache_control, "no-cache");
	done(&a);
	ask_asset(&a, NULL, "/assets/gone.js", gzip, 1);
	assert_int_equal(a.rp.status, 404);
	done(&a);
}

static void
test_known_etag_is_304(void **state)
{
	static const char *const good[] = {"\"bbbb\"", "W/\"bbbb\"", "\"x\", \"bbbb\"", "*", "\"bbbb\", \"x\""};
	static const char *const bad[] = {"\"bbb\"", "bbbb", "\"bbbb-gz\"", "", "\"bbbbb\""};
	struct asked a;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct gw_header h = {"If-None-Match", good[i]};

		ask_asset(&a, NULL, "/assets/x-1.js", &h, 1);
		assert_int_equal(a.rp.status, 304);
		assert_null(a.rp.data);
		assert_non_null(strstr(a.rp.headers.data, "ETag: \"bbbb\"\r\n"));
		done(&a);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct gw_header h = {"If-None-Match", bad[i]};

		ask_asset(&a, NULL, "/assets/x-1.js", &h, 1);
		assert_int_equal(a.rp.status, 200);
		done(&a);
	}
}

static void
test_folder_gives_its_files_and_no_others(void **state)
{
	char dir[] = "/tmp/gateway-test-XXXXXX", path[64];
	struct gw_assets *none = NULL;
	om_err e = {.text = ""};
	struct asked a;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/index.html", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("from the folder", f) >= 0);
	(void)fclose(f);
	ask_asset(&a, dir, "/index.html", NULL, 0);
	assert_memory_equal(a.rp.data, "from the folder", 15);
	assert_int_equal(a.rp.n_data, 15);
	done(&a);
	ask_asset(&a, dir, "/..%2f..%2f../etc/passwd", NULL, 0);
	assert_memory_equal(a.rp.data, "from the folder", 15);
	done(&a);
	(void)remove(path);
	ask_asset(&a, dir, "/index.html", NULL, 0);
	assert_int_equal(a.rp.status, 404);
	done(&a);
	(void)remove(dir);
	assert_status(gw_assets_new(dir, &none, &e), OM_INVALID, e);
	assert_non_null(strstr(e.text, "DASHBOARD_DIR"));
}

/* ---- compression ---- */

static void
test_large_json_is_compressed_for_those_who_take_it(void **state)
{
	static const struct gw_header gzip[] = {{"Accept-Encoding", "gzip"}};
	struct gw_req rq = {.headers = gzip, .n_headers = 1};
	struct gw_reply rp;
	char out[5000];
	z_stream z;

	(void)state;
	gw_reply_init(&rp);
	rp.type = "application/json";
	for (int i = 0; i < 4000; i++)
		om_buf_chr(&rp.body, (char)('a' + i % 3));
	gw_gzip_reply(&rq, &rp);
	assert_true(rp.body.len < 1000);
	assert_non_null(strstr(rp.headers.data, "Content-Encoding: gzip"));
	memset(&z, 0, sizeof z);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)rp.body.data;
	z.avail_in = (unsigned)rp.body.len;
	z.next_out = (unsigned char *)out;
	z.avail_out = sizeof out;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, 4000);
	assert_int_equal(out[3999], 'a');
	(void)inflateEnd(&z);
	gw_reply_fini(&rp);
	gw_reply_init(&rp);
	rp.type = "application/pdf";
	for (int i = 0; i < 4000; i++)
		om_buf_chr(&rp.body, 'a');
	gw_gzip_reply(&rq, &rp);
	assert_int_equal(rp.body.len, 4000);
	gw_reply_fini(&rp);
}

/* ---- queries ---- */

static om_status
parse(struct gw_req *rq, const char *query, om_err *e)
{
	*rq = (struct gw_req){.query = query, .arena = &arena};
	return gw_query_parse(rq, "from to user limit ", e);
}

static void
test_query_is_decoded_strictly(void **state)
{
	struct gw_req rq;
	om_err e = {.text = ""};
	static const struct {
		const char *query, *reason;
	} bad[] = {
	    {"nope=1", "nope: is not a parameter"},
	    {"fro=1", "fro: is not a parameter"},
	    {"user =1", "user : is not a parameter"},
	    {"=1", ": is not a parameter"},
	    {"user=a&user=b", "user: is given twice"},
	    {"user=%", "user: has a %"},
	    {"user=%4", "user: has a %"},
	    {"user=%zz", "user: has a %"},
	    {"user=%00", "user: has control characters"},
	    {"user=%ff", "user: is not UTF-8"},
	    {"user=%c3", "user: is not UTF-8"},
	    {"user=%0a", "user: has control characters"},
	};

	(void)state;
	assert_status(parse(&rq, "user=a%2Fb+c%c3%a9&&from=&limit", &e), OM_OK, e);
	assert_string_equal(gw_req_arg(&rq, "user"), "a/b c\xc3\xa9");
	assert_string_equal(gw_req_arg(&rq, "from"), "");
	assert_string_equal(gw_req_arg(&rq, "limit"), "");
	assert_null(gw_req_arg(&rq, "to"));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_status(parse(&rq, bad[i].query, &e), OM_INVALID, e);
		if (strncmp(e.text, bad[i].reason, strlen(bad[i].reason)) != 0)
			fail_msg("%s: %s", bad[i].query, e.text);
	}
}

static void
test_period_is_days_or_instants(void **state)
{
	static const char *const bad[] = {"from=2026-11-1", "from=2026-13-01", "from=2026-02-30", "from=yesterday",
	    "from=2026-11-01&to=2026-11-02T00:00:00Z", "from=2026-11-02&to=2026-11-01",
	    "from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "from=2026-11-02T00:00:00", "from=", "to=2026-11-01x"};
	Om__Period p = OM__PERIOD__INIT;
	struct gw_req rq;
	om_err e = {.text = ""};

	(void)state;
	assert_status(parse(&rq, "", &e), OM_OK, e);
	assert_status(gw_query_period(&rq, &p, &e), OM_OK, e);
	assert_false(p.has_from_day || p.has_to_day || p.has_from_us || p.has_to_us);
	assert_status(parse(&rq, "from=2026-11-01&to=2026-11-01", &e), OM_OK, e);
	assert_status(gw_query_period(&rq, &p, &e), OM_OK, e);
	assert_true(p.has_from_day && p.has_to_day && p.from_day == p.to_day);
	om__period__init(&p);
	assert_status(parse(&rq, "from=2026-11-01T00:00:00%2B01:00", &e), OM_OK, e);
	assert_status(gw_query_period(&rq, &p, &e), OM_OK, e);
	assert_true(p.has_from_us && !p.has_to_us && p.from_us == 1793487600000000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		om__period__init(&p);
		assert_status(parse(&rq, bad[i], &e), OM_OK, e);
		if (gw_query_period(&rq, &p, &e) != OM_INVALID)
			fail_msg("%s was taken", bad[i]);
	}
}

static void
test_limit_has_its_bounds(void **state)
{
	static const char *const bad[] = {
	    "limit=0", "limit=1001", "limit=-1", "limit=1e2", "limit=", "limit=+5", "limit=99999999999999999999"};
	struct gw_req rq;
	om_err e = {.text = ""};
	uint32_t n;

	(void)state;
	assert_status(parse(&rq, "limit=1000", &e), OM_OK, e);
	assert_status(gw_query_limit(&rq, 1000, 100, &n, &e), OM_OK, e);
	assert_int_equal(n, 1000);
	assert_status(parse(&rq, "", &e), OM_OK, e);
	assert_status(gw_query_limit(&rq, 1000, 100, &n, &e), OM_OK, e);
	assert_int_equal(n, 100);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_status(parse(&rq, bad[i], &e), OM_OK, e);
		assert_int_equal(gw_query_limit(&rq, 1000, 100, &n, &e), OM_INVALID);
	}
}

/* ---- proxies ---- */

static const char *
client(const char *trusted, const char *remote, const struct gw_header *headers, size_t n, bool *https)
{
	static struct gw_req rq;
	struct gw_proxies *p = NULL;
	om_err e = {.text = ""};

	rq = (struct gw_req){.remote = remote, .headers = headers, .n_headers = n};
	assert_status(gw_proxies_new(trusted, &p, &e), OM_OK, e);
	gw_proxies_apply(p, &rq);
	gw_proxies_free(&p);
	*https = rq.https;
	return rq.client;
}

static void
test_forwarded_address_is_believed_from_trusted_peers_only(void **state)
{
	static const struct gw_header h[] = {{"X-Forwarded-For", "1.2.3.4, 10.0.0.7"}, {"X-Forwarded-Proto", "https"}};
	static const struct gw_header two[] = {
	    {"X-Forwarded-For", "6.6.6.6"}, {"x-forwarded-for", "2001:db8::1 , 10.0.0.7"}};
	static const struct gw_header junk[] = {{"X-Forwarded-For", "1.2.3.4, <script>"}};
	static const struct gw_header empty[] = {{"X-Forwarded-For", " , ,"}};
	bool https;

	(void)state;
	assert_string_equal(client(NULL, "10.0.0.1", h, 2, &https), "10.0.0.1");
	assert_false(https);
	assert_string_equal(client("10.0.0.0/8", "10.0.0.1", h, 2, &https), "1.2.3.4");
	assert_true(https);
	assert_string_equal(client("10.0.0.1", "10.0.0.1", h, 2, &https), "10.0.0.7");
	assert_string_equal(client("10.0.0.0/8", "11.0.0.1", h, 2, &https), "11.0.0.1");
	assert_string_equal(client("10.0.0.0/8, ::1", "10.0.0.1", two, 2, &https), "2001:db8::1");
	assert_string_equal(client("10.0.0.0/8,2001:db8::/32", "10.0.0.1", two, 2, &https), "6.6.6.6");
	assert_string_equal(client("10.0.0.0/8", "10.0.0.1", junk, 1, &https), "10.0.0.1");
	assert_string_equal(client("10.0.0.0/8", "10.0.0.1", empty, 1, &https), "10.0.0.1");
	assert_string_equal(client("0.0.0.0/0", "10.0.0.1", h, 2, &https), "1.2.3.4");
	assert_string_equal(client("10.0.0.0/31", "10.0.0.2", h, 2, &https), "10.0.0.2");
}

static void
test_malformed_proxy_lists_are_refused(void **state)
{
	static const char *const bad[] = {
	    "10.0.0", "10.0.0.1/33", "::/129", "10.0.0.1/", "10.0.0.1/-1", "host", "10.0.0.1/8x"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(gw_proxy_check(bad[i], NULL), OM_INVALID);
	assert_int_equal(gw_proxy_check("10.0.0.1, 172.16.0.0/12,fd00::/8", NULL), OM_OK);
}

/* ---- passwords ---- */

static void
test_password_hashes_are_checked_at_start(void **state)
{
	static const char *const bad[] = {"", "secret", "$2y$10$abcdefghijklmnopqrstuv", "$argon2id$",
	    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$",
	    "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzYWx0$H6NTds/6",
	    "$argon2id$v=19$m=64,t=99999999999999999999,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw",
	    "$argon2id$v=19$m=262144,t=16,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw",
	    "$argon2id$v=19$m=64,t=1,p=255$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw",
	    "argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw"};
	static const char good[] = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw";
	om_err e = {.text = ""};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (gw_password_check(bad[i], &e) != OM_INVALID)
			fail_msg("%s was taken", bad[i]);
	assert_status(gw_password_check(good, &e), OM_OK, e);
	assert_true(gw_password_is_weak(good));
	assert_false(gw_password_is_weak("$argon2id$v=19$m=47104,t=1,p=1$x$y"));
	assert_status(gw_password_verify(good, "correct horse", 13, &e), OM_OK, e);
	assert_status(gw_password_verify(good, "correct horsf", 13, &e), OM_UNAUTHENTICATED, e);
	assert_status(gw_password_verify(good, "correct horse\0", 14, &e), OM_UNAUTHENTICATED, e);
}

static void
test_new_hash_verifies(void **state)
{
	char encoded[256];
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_password_hash("p\xc3\xa4ss", 5, encoded, sizeof encoded, &e), OM_OK, e);
	assert_status(gw_password_check(encoded, &e), OM_OK, e);
	assert_false(gw_password_is_weak(encoded));
	assert_status(gw_password_verify(encoded, "p\xc3\xa4ss", 5, &e), OM_OK, e);
}

static void
test_settings_that_contradict_are_refused(void **state)
{
	char one[] = "0123456789abcdef", two[] = "0123456789abcdef";
	struct gw_conf c = {.api_key = one, .read_api_key = two};
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_conf_check(&c, &e), OM_INVALID, e);
	assert_non_null(strstr(e.text, "READ_API_KEY"));
	assert_null(strstr(e.text, "0123456789abcdef"));
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_assets_are_kept_and_pages_are_asked_again),
	    WITH(test_known_etag_is_304),
	    WITH(test_folder_gives_its_files_and_no_others),
	    WITH(test_large_json_is_compressed_for_those_who_take_it),
	    WITH(test_query_is_decoded_strictly),
	    WITH(test_period_is_days_or_instants),
	    WITH(test_limit_has_its_bounds),
	    WITH(test_forwarded_address_is_believed_from_trusted_peers_only),
	    WITH(test_malformed_proxy_lists_are_refused),
	    WITH(test_password_hashes_are_checked_at_start),
	    WITH(test_new_hash_verifies),
	    WITH(test_settings_that_contradict_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
