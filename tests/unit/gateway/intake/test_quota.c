/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Quotas: when a key is refused, when it may send again, what a restart knows. */
#include "intake/quota.h"

#include "fixture/dir.h"
#include "spool/spool.h"

#include <stdio.h>
#include <string.h>

#define MINUTE (60 * OM_SECOND)
#define START  (20000 * OM_DAY + 5 * MINUTE) /* a day's sixth minute */

struct fixture {
	char *dir;
	struct gw_spool *spool;
	struct gw_quota *quota;
	int64_t wait_s;
};

static void
open_all(struct fixture *f, const struct gw_quota_limits *l)
{
	const struct gw_spool_opts o = {.dir = f->dir, .limit_bytes = 1 << 20};

	assert_int_equal(gw_spool_open(&o, &f->spool, NULL), OM_OK);
	assert_int_equal(gw_quota_open(f->spool, l, &f->quota, NULL), OM_OK);
}

static void
close_all(struct fixture *f)
{
	gw_quota_close(&f->quota);
	gw_spool_close(&f->spool);
}

static om_status
send_records(struct fixture *f, const char *key, size_t n, om_time now)
{
	struct gw_batch *b = gw_batch_new();
	Om__Record r = OM__RECORD__INIT;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(gw_batch_add(b, &r, NULL), OM_OK);
	return gw_quota_append(f->quota, key, &b, now, &f->wait_s, NULL);
}

static void
test_minute_that_is_full_ends(void **state)
{
	const struct gw_quota_limits l = {.records_minute = 3};
	struct fixture f = {.dir = fx_dir_make()};

	(void)state;
	open_all(&f, &l);
	assert_int_equal(send_records(&f, "A", 2, START), OM_OK);
	assert_int_equal(send_records(&f, "A", 9, START), OM_OK); /* any size, once */
	assert_int_equal(send_records(&f, "A", 1, START + 10 * OM_SECOND), OM_THROTTLED);
	assert_int_equal(f.wait_s, 50);
	assert_int_equal(send_records(&f, "A", 1, START + MINUTE - 1), OM_THROTTLED);
	assert_int_equal(f.wait_s, 1);
	assert_int_equal(send_records(&f, "A", 1, START + MINUTE), OM_OK);
	close_all(&f);
	fx_dir_remove(&f.dir);
}

static void
test_keys_are_counted_apart(void **state)
{
	const struct gw_quota_limits l = {.records_day = 1};
	struct fixture f = {.dir = fx_dir_make()};
	char key[GW_QUOTA_KEY_NAME];

	(void)state;
	open_all(&f, &l);
	for (int i = 0; i < GW_QUOTA_KEYS - 1; i++) {
		(void)snprintf(key, sizeof key, "key %d", i);
		assert_int_equal(send_records(&f, key, 1, START), OM_OK);
		assert_int_equal(send_records(&f, key, 1, START), OM_THROTTLED);
	}
	assert_int_equal(send_records(&f, "one more", 1, START), OM_OK);
	assert_int_equal(send_records(&f, "and one more", 1, START), OM_THROTTLED);
	close_all(&f);
	fx_dir_remove(&f.dir);
}

static void
test_restart_knows_the_day_and_not_the_minute(void **state)
{
	const struct gw_quota_limits l = {.records_minute = 2, .records_day = 4, .bytes_day = 100};
	struct fixture f = {.dir = fx_dir_make()};

	(void)state;
	open_all(&f, &l);
	assert_int_equal(gw_quota_begin(f.quota, "A", 60, START, &f.wait_s, NULL), OM_OK);
	assert_int_equal(send_records(&f, "A", 2, START), OM_OK);
	assert_int_equal(send_records(&f, "A", 2, START), OM_THROTTLED);
	close_all(&f);
	open_all(&f, &l);
	assert_int_equal(send_records(&f, "A", 2, START), OM_OK);
	assert_int_equal(send_records(&f, "A", 1, START + MINUTE), OM_THROTTLED);
	assert_int_equal(f.wait_s, (OM_DAY - 6 * MINUTE) / OM_SECOND);
	assert_int_equal(send_records(&f, "A", 1, START + OM_DAY), OM_OK);
	assert_int_equal(gw_quota_begin(f.quota, "A", 100, START + OM_DAY, &f.wait_s, NULL), OM_OK);
	assert_int_equal(gw_quota_begin(f.quota, "A", 1, START + OM_DAY, &f.wait_s, NULL), OM_THROTTLED);
	close_all(&f);
	fx_dir_remove(&f.dir);
}

/* What the disk did not take is not counted. */
static void
test_records_that_were_not_stored_do_not_count(void **state)
{
	const struct gw_quota_limits l = {.records_day = 2};
	struct fixture f = {.dir = fx_dir_make()};
	struct gw_batch *b = gw_batch_new();
	Om__Record r = OM__RECORD__INIT;
	static char chat[1 << 20];

	(void)state;
	open_all(&f, &l);
	memset(chat, 'x', sizeof chat - 1);
	r.chat_id = chat;
	for (int i = 0; i < 2; i++)
		assert_int_equal(gw_batch_add(b, &r, NULL), OM_OK);
	assert_int_equal(gw_quota_append(f.quota, "A", &b, START, &f.wait_s, NULL), OM_FULL);
	assert_null(b);
	assert_int_equal(send_records(&f, "A", 2, START), OM_OK);
	assert_int_equal(send_records(&f, "A", 1, START), OM_THROTTLED);
	close_all(&f);
	fx_dir_remove(&f.dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_minute_that_is_full_ends),
	    cmocka_unit_test(test_keys_are_counted_apart),
	    cmocka_unit_test(test_restart_knows_the_day_and_not_the_minute),
	    cmocka_unit_test(test_records_that_were_not_stored_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
