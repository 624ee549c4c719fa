/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pages/assets.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- the test's table of files in place of the built-in one ---- */

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

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_assets_are_kept_and_pages_are_asked_again),
	    WITH(test_known_etag_is_304),
	    WITH(test_folder_gives_its_files_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
