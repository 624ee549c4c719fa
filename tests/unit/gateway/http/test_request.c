/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is read from a request without a server: encodings, queries, proxies. */
#include "check.h"

#include "http/arguments.h"
#include "http/gzip.h"
#include "http/proxy.h"

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
	return gw_arguments_read(rq, "from to user limit ", e);
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
test_addresses_have_one_form(void **state)
{
	static const struct gw_header mapped[] = {{"X-Forwarded-For", "::ffff:1.2.3.4"}};
	static const struct gw_header hexadecimal[] = {{"X-Forwarded-For", "::FFFF:0102:0304, ::ffff:10.0.0.7"}};
	static const struct gw_header six[] = {{"X-Forwarded-For", "2001:DB8:0:0::0001"}};
	bool https;

	(void)state;
	assert_string_equal(client("10.0.0.0/8", "10.0.0.1", mapped, 1, &https), "1.2.3.4");
	assert_string_equal(client("10.0.0.0/8", "::ffff:10.0.0.1", hexadecimal, 1, &https), "1.2.3.4");
	assert_string_equal(client("10.0.0.0/8", "10.0.0.1", six, 1, &https), "2001:db8::1");
	assert_string_equal(client(NULL, "::ffff:10.0.0.1", mapped, 1, &https), "10.0.0.1");
	assert_string_equal(client("::ffff:10.0.0.0/104", "10.0.0.1", mapped, 1, &https), "1.2.3.4");
}

/* ---- names of files ---- */

static void
test_file_names_are_safe_whatever_they_are(void **state)
{
	static const struct {
		const char *plain, *shown, *header;
	} names[] = {
	    {"a-1.pdf", NULL, "filename=\"a-1.pdf\"; filename*=UTF-8''a-1.pdf"},
	    {"a.pdf", "J\xc3\xbcrgen.pdf", "filename=\"a.pdf\"; filename*=UTF-8''J%C3%BCrgen.pdf"},
	    {NULL, "", "filename=\"file\"; filename*=UTF-8''file"},
	    {"a\"; filename=\"x.exe", NULL,
		"filename=\"a___filename__x.exe\"; filename*=UTF-8''a%22%3B%20filename%3D%22x.exe"},
	    {"a\r\nSet-Cookie: x=1", NULL,
		"filename=\"a__Set-Cookie__x_1\"; filename*=UTF-8''a__Set-Cookie%3A%20x%3D1"},
	    {"../../etc/passwd", NULL, "filename=\"_._.._etc_passwd\"; filename*=UTF-8''_._.._etc_passwd"},
	    {"..\\x", NULL, "filename=\"_._x\"; filename*=UTF-8''_._x"},
	    {"fdp.\xe2\x80\xae"
	     "exe",
		NULL, "filename=\"fdp._exe\"; filename*=UTF-8''fdp._exe"},
	    {"bad\xff", NULL, "filename=\"bad_\"; filename*=UTF-8''bad_"},
	};
	char long_name[2000], want[300];
	struct gw_reply rp;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(want, sizeof want, "Content-Disposition: attachment; %s\r\n", names[i].header);
		gw_reply_init(&rp);
		gw_reply_filename(&rp, names[i].plain, names[i].shown);
		assert_int_equal(om_buf_done(&rp.headers, NULL), OM_OK);
		assert_string_equal(rp.headers.data, want);
		gw_reply_fini(&rp);
	}
	for (size_t i = 0; i + 2 < sizeof long_name; i += 2)
		memcpy(long_name + i, "\xc3\xbc", 3); /* whole characters are left */
	gw_reply_init(&rp);
	gw_reply_filename(&rp, "x", long_name);
	assert_int_equal(om_buf_done(&rp.headers, NULL), OM_OK);
	assert_non_null(strstr(rp.headers.data, "%C3%BC\r\n"));
	assert_true(rp.headers.len < 800);
	gw_reply_fini(&rp);
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

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_large_json_is_compressed_for_those_who_take_it),
	    WITH(test_query_is_decoded_strictly),
	    WITH(test_forwarded_address_is_believed_from_trusted_peers_only),
	    WITH(test_addresses_have_one_form),
	    WITH(test_file_names_are_safe_whatever_they_are),
	    WITH(test_malformed_proxy_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
