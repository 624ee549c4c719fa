/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fixture/dir.h"

#include "spool/spool.h"
#include "record.pb-c.h"
#include "base/digest.h"
#include "wire/codec.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT ((int64_t)64 << 20)

static char *dir;
static atomic_int failures;

static void
count_failure(const char *why)
{
	(void)why;
	atomic_fetch_add(&failures, 1);
}

static int
set_up(void **state)
{
	(void)state;
	dir = fx_dir_make();
	atomic_store(&failures, 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fx_dir_remove(&dir);
	return 0;
}

static struct gw_spool *
open_spool(int64_t limit)
{
	struct gw_spool_opts o = {.dir = dir, .limit_bytes = limit, .on_failure = count_failure};
	struct gw_spool *s = NULL;
	om_err e = {.text = ""};

	assert_status(gw_spool_open(&o, &s, &e), OM_OK, e);
	return s;
}

/* batch_of makes n records with ids that tell who wrote them. */
static struct gw_batch *
batch_of(unsigned writer, unsigned first, unsigned n, size_t padding)
{
	struct gw_batch *b = gw_batch_new();
	Om__User user = OM__USER__INIT;
	char id[] = "u", *pad = calloc(1, padding + 1);
	om_err e = {.text = ""};

	if (b == NULL || pad == NULL)
		abort(); /* the analyser does not know that cmocka ends the test */
	memset(pad, 'x', padding);
	user.id = id;
	for (unsigned i = 0; i < n; i++) {
		Om__Record r = OM__RECORD__INIT;
		unsigned char record_id[16] = {0};
		unsigned number = first + i;

		memcpy(record_id, &writer, sizeof writer);
		memcpy(record_id + 4, &number, sizeof number);
		r.record_id.data = record_id;
		r.record_id.len = sizeof record_id;
		r.state = OM__STATE__STATE_FINAL;
		r.user = &user;
		r.chat_id = padding > 0 ? pad : NULL;
		assert_status(gw_batch_add(b, &r, &e), OM_OK, e);
	}
	free(pad);
	return b;
}

static om_status
append(struct gw_spool *s, unsigned writer, unsigned first, unsigned n, size_t padding)
{
	struct gw_batch *b = batch_of(writer, first, n, padding);
	om_status st = gw_spool_append(s, &b, om_now(), NULL);

	assert_null(b);
	return st;
}

static struct gw_store_totals
totals(struct gw_spool *s)
{
	struct gw_store_totals t;

	(void)gw_spool_status(s, &t);
	assert_int_equal(
	    t.accepted, t.new_records + t.duplicate_records + t.refused_records + t.pending + t.quarantined);
	return t;
}

/* ---- group commit ---- */

#define WRITERS 8
#define ROUNDS  40
#define WRITTEN ((size_t)WRITERS * ROUNDS * 3)

struct writer {
	struct gw_spool *s;
	unsigned number;
	unsigned acknowledged;
};

static void *
write_rounds(void *arg)
{
	struct writer *w = arg;

	for (unsigned i = 0; i < ROUNDS; i++)
		if (append(w->s, w->number, i * 3, 3, 0) == OM_OK)
			w->acknowledged++;
	return NULL;
}

static void
test_all_acknowledged_are_there_after_reopen(void **state)
{
	static unsigned char seen[WRITERS][ROUNDS * 3];
	struct gw_spool *s = open_spool(LIMIT);
	struct writer w[WRITERS];
	pthread_t thread[WRITERS];
	uint64_t last = 0;
	size_t n_total = 0, n;
	int64_t commits;

	(void)state;
	memset(seen, 0, sizeof seen);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){.s = s, .number = i};
		assert_int_equal(pthread_create(&thread[i], NULL, write_rounds, &w[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		(void)pthread_join(thread[i], NULL);
		assert_int_equal(w[i].acknowledged, ROUNDS);
	}
	commits = gw_spool_commits(s);
	assert_true(commits < (int64_t)WRITERS * ROUNDS); /* some shared a transaction */
	gw_spool_close(&s);

	s = open_spool(LIMIT);
	assert_int_equal(totals(s).pending, WRITTEN);
	do {
		struct gw_row *rows;
		struct om_arena a;
		om_err e = {.text = ""};

		om_arena_init(&a, 64 << 20);
		assert_status(gw_spool_read(s, 100, 1 << 20, &a, &rows, &n, &e), OM_OK, e);
		for (size_t i = 0; i < n; i++) {
			Om__Record *r = NULL;
			unsigned writer, number;

			assert_true(rows[i].seq > last);
			last = rows[i].seq;
			assert_status(
			    om_msg_unpack(&om__record__descriptor, rows[i].data, rows[i].n, &a, &r, &e), OM_OK, e);
			memcpy(&writer, r->record_id.data, sizeof writer);
			memcpy(&number, r->record_id.data + 4, sizeof number);
			seen[writer][number]++;
		}
		if (n > 0)
			assert_status(
			    gw_spool_forget(s, rows[0].seq, rows[n - 1].seq, (uint32_t)n, 0, 0, &e), OM_OK, e);
		n_total += n;
		om_arena_fini(&a);
	} while (n > 0);
	assert_int_equal(n_total, WRITTEN);
	for (size_t i = 0; i < sizeof seen; i++)
		assert_int_equal(((unsigned char *)seen)[i], 1);
	assert_int_equal(totals(s).new_records, n_total);
	gw_spool_close(&s);
}

static void
test_acknowledged_are_deleted_and_counted_for_ever(void **state)
{
	struct gw_spool *s = open_spool(LIMIT);
	struct gw_store_totals t;
	struct gw_row *rows;
	struct om_arena a;
	om_err e = {.text = ""};
	unsigned char id[GW_SPOOL_ID];
	size_t n;

	(void)state;
	memcpy(id, gw_spool_id(s), sizeof id);
	om_arena_init(&a, 1 << 20);
	assert_int_equal(append(s, 1, 0, 5, 0), OM_OK);
	assert_int_equal(append(s, 1, 5, 5, 0), OM_OK);
	assert_status(gw_spool_forget(s, 1, 6, 3, 2, 1, &e), OM_OK, e);
	assert_status(gw_spool_read(s, 100, 1 << 20, &a, &rows, &n, &e), OM_OK, e);
	assert_int_equal(n, 4);
	assert_int_equal(rows[0].seq, 7);
	/* what is not there cannot be acknowledged, and nothing else suffers */
	assert_status(gw_spool_forget(s, 1, 7, 7, 0, 0, &e), OM_INTERNAL, e);
	assert_int_equal(totals(s).pending, 4);
	gw_spool_close(&s);
	s = open_spool(LIMIT);
	assert_memory_equal(gw_spool_id(s), id, sizeof id);
	t = totals(s);
	assert_int_equal(t.accepted, 10);
	assert_int_equal(t.new_records, 3);
	assert_int_equal(t.duplicate_records, 2);
	assert_int_equal(t.refused_records, 1);
	assert_int_equal(t.pending, 4);
	assert_true(t.oldest_us > 0);
	/* numbers are never used again */
	assert_status(gw_spool_forget(s, 7, 10, 4, 0, 0, &e), OM_OK, e);
	assert_int_equal(append(s, 2, 0, 1, 0), OM_OK);
	assert_status(gw_spool_read(s, 100, 1 << 20, &a, &rows, &n, &e), OM_OK, e);
	assert_int_equal(rows[0].seq, 11);
	om_arena_fini(&a);
	gw_spool_close(&s);
}

/* ---- damage ---- */

static void
spoil(const char *sql)
{
	char path[300];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof path, "%s/spool.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_damaged_records_are_set_aside_and_the_rest_goes_on(void **state)
{
	struct gw_spool *s = open_spool(LIMIT);
	struct gw_row *rows;
	struct om_arena a;
	om_err e = {.text = ""};
	size_t n;

	(void)state;
	assert_int_equal(append(s, 1, 0, 10, 0), OM_OK);
	gw_spool_close(&s);
	spoil("UPDATE record SET payload=CAST(substr(payload,1,4)||x'ff'||substr(payload,6) AS BLOB) WHERE seq=3");
	spoil("UPDATE record SET received_us=received_us+1 WHERE seq=5");
	spoil("UPDATE record SET crc='x' WHERE seq IN (1,2)");
	s = open_spool(LIMIT); /* found at start */
	assert_int_equal(totals(s).quarantined, 4);
	om_arena_init(&a, 1 << 20);
	assert_status(gw_spool_read(s, 2, 1 << 20, &a, &rows, &n, &e), OM_OK, e);
	assert_int_equal(n, 2);
	assert_int_equal(rows[0].seq, 4);
	assert_int_equal(rows[1].seq, 6);
	/* the numbers between them are in use no more */
	assert_status(gw_spool_forget(s, 4, 6, 2, 0, 0, &e), OM_OK, e);
	assert_int_equal(totals(s).pending, 4);
	om_arena_fini(&a);
	gw_spool_close(&s);
	s = open_spool(LIMIT);
	assert_int_equal(totals(s).quarantined, 4); /* and kept */
	gw_spool_close(&s);
}

static void
test_a_spool_full_of_damage_still_ends(void **state)
{
	struct gw_spool *s = open_spool(LIMIT);
	struct gw_row *rows;
	struct om_arena a;
	om_err e = {.text = ""};
	size_t n;

	(void)state;
	assert_int_equal(append(s, 1, 0, 50, 0), OM_OK);
	gw_spool_close(&s);
	spoil("UPDATE record SET crc=crc+1 WHERE seq<50");
	s = open_spool(LIMIT);
	om_arena_init(&a, 1 << 20);
	assert_status(gw_spool_read(s, 5, 1 << 20, &a, &rows, &n, &e), OM_OK, e);
	assert_int_equal(n, 1);
	assert_int_equal(rows[0].seq, 50);
	om_arena_fini(&a);
	gw_spool_close(&s);
}

static void
test_a_file_that_is_no_spool_is_refused_and_left_alone(void **state)
{
	static const char text[] =
	    "this was once somebody's important file, and it is no database at all, not even a little";
	struct gw_spool_opts o = {.dir = dir, .limit_bytes = LIMIT, .on_failure = count_failure};
	struct gw_spool *s = NULL;
	char path[300], back[sizeof text] = "";
	om_err e = {.text = ""};
	FILE *f;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/spool.db", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	(void)fclose(f);
	assert_status(gw_spool_open(&o, &s, &e), OM_IO, e);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(back, sizeof back, f));
	(void)fclose(f);
	assert_string_equal(back, text);
}

/* ---- space ---- */

static void
test_limit_refuses_and_recovers(void **state)
{
	struct gw_spool *s = open_spool(100000);
	struct gw_store_totals t;
	om_err e = {.text = ""};
	unsigned n = 0;

	(void)state;
	while (append(s, 1, n, 1, 2000) == OM_OK)
		n++;
	assert_in_range(n, 40, 50);
	assert_int_equal(gw_spool_status(s, &t), GW_SPOOL_FULL);
	assert_int_equal(t.pending, n);
	assert_status(gw_spool_forget(s, 1, n / 2, n / 2, 0, 0, &e), OM_OK, e);
	assert_int_equal(append(s, 1, n, 1, 2000), OM_OK);
	assert_int_equal(gw_spool_status(s, &t), GW_SPOOL_OK);
	assert_int_equal(atomic_load(&failures), 0);
	gw_spool_close(&s);
}

/* drain takes out what is there, as the forwarder does. */
static size_t
drain(struct gw_spool *s)
{
	size_t total = 0, n;

	do {
		struct gw_row *rows;
		struct om_arena a;
		om_err e = {.text = ""};

		om_arena_init(&a, 64 << 20);
		assert_status(gw_spool_read(s, 100, 1 << 20, &a, &rows, &n, &e), OM_OK, e);
		if (n > 0)
			assert_status(
			    gw_spool_forget(s, rows[0].seq, rows[n - 1].seq, (uint32_t)n, 0, 0, &e), OM_OK, e);
		om_arena_fini(&a);
		total += n;
	} while (n > 0);
	return total;
}

/* append_soon waits a little for the space that was given back. */
static om_status
append_soon(struct gw_spool *s, unsigned writer, unsigned first, unsigned n, size_t padding)
{
	om_status st = append(s, writer, first, n, padding);
	int64_t until = om_mono_ms() + 120000;

	while (st == OM_FULL && om_mono_ms() < until) {
		(void)poll(NULL, 0, 100);
		st = append(s, writer, first, n, padding);
	}
	return st;
}

/* fill_and_drain goes from empty to full and back a few times. */
static void
fill_and_drain(void)
{
	for (unsigned round = 0; round < 4; round++) {
		struct gw_spool *s = open_spool(LIMIT);
		unsigned n = 0;

		for (unsigned again = 0; again < 3; again++) {
			assert_int_equal(append_soon(s, round, n++, 1, 3000), OM_OK);
			while (append(s, round, n, 1, 3000) == OM_OK)
				n++;
			if (again == 1) { /* also after a restart with a full disk */
				gw_spool_close(&s);
				s = open_spool(LIMIT);
			}
			assert_true(n > 10);
			assert_int_equal(totals(s).pending, n);
			assert_int_equal(drain(s), n);
			n = 0;
		}
		assert_int_equal(totals(s).pending, 0);
		assert_int_equal(append_soon(s, round, 0, 20, 3000), OM_OK);
		assert_int_equal(drain(s), 20);
		gw_spool_close(&s);
	}
	assert_int_equal(atomic_load(&failures), 0);
}

/* GATEWAY_TEST_SMALL_DISK names a folder on a disk of 4 to 16 MB, for instance
 * made with: mount -t tmpfs -o size=4m tmpfs FOLDER */
static void
test_full_disk_refuses_and_recovers(void **state)
{
	const char *small = getenv("GATEWAY_TEST_SMALL_DISK");

	(void)state;
	if (small == NULL)
		skip();
	fx_dir_remove(&dir);
	assert_true(asprintf(&dir, "%s/spool", small) > 0);
	fill_and_drain();
}

/* ---- sharing ---- */

static void
test_second_open_is_refused(void **state)
{
	struct gw_spool_opts o = {.dir = dir, .limit_bytes = LIMIT};
	struct gw_spool *s = open_spool(LIMIT), *second = NULL;
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_spool_open(&o, &second, &e), OM_UNAVAILABLE, e);
	assert_non_null(strstr(e.text, "in use by another process"));
	gw_spool_close(&s);
	s = open_spool(LIMIT);
	gw_spool_close(&s);
}

static void
write_until_killed(int fd)
{
	struct gw_spool *s = open_spool(LIMIT);

	for (unsigned i = 0;; i++)
		if (append(s, 7, i, 1, 100) != OM_OK || write(fd, &i, sizeof i) != sizeof i)
			_exit(3);
}

static void
test_killed_writer_loses_nothing_acknowledged(void **state)
{
	unsigned last = 0, got;
	struct gw_spool *s;
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_until_killed(fds[1]);
	(void)close(fds[1]);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(read(fds[0], &last, sizeof last), sizeof last);
	(void)kill(pid, SIGKILL);
	while (read(fds[0], &got, sizeof got) == sizeof got)
		last = got;
	(void)waitpid(pid, &status, 0);
	(void)close(fds[0]);
	s = open_spool(LIMIT);
	assert_true(totals(s).pending >= (int64_t)last + 1);
	gw_spool_close(&s);
}

/* ---- work of others ---- */

static om_status
add_note(struct gw_sqlite *db, void *arg, om_err *e)
{
	const struct gw_sqlite_value value[] = {{.text = arg}, {.number = 7}};
	om_status s = gw_sqlite_run(db, "CREATE TABLE IF NOT EXISTS note(text TEXT, n INTEGER)", e);

	if (s != OM_OK)
		return s;
	return gw_sqlite_each(db, "INSERT INTO note(text,n) VALUES(?1,?2)", value, 2, NULL, NULL, e);
}

static void
take_note(void *arg, const struct gw_sqlite_row *row)
{
	char *text = arg;

	(void)snprintf(
	    text + strlen(text), 64 - strlen(text), "%s %d;", gw_sqlite_text(row, 0), (int)gw_sqlite_number(row, 1));
}

static om_status
read_notes(struct gw_sqlite *db, void *arg, om_err *e)
{
	return gw_sqlite_each(db, "SELECT text,n FROM note ORDER BY rowid", NULL, 0, take_note, arg, e);
}

static void
test_work_of_others_is_committed_with_the_records(void **state)
{
	struct gw_spool *s = open_spool(LIMIT);
	char text[64] = "";
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_spool_run(s, add_note, "one", 4, &e), OM_OK, e);
	assert_status(gw_spool_run(s, add_note, "two", 4, &e), OM_OK, e);
	gw_spool_close(&s);
	s = open_spool(LIMIT);
	assert_status(gw_spool_look(s, read_notes, text, &e), OM_OK, e);
	assert_string_equal(text, "one 7;two 7;");
	gw_spool_close(&s);
}

/* ---- what was refused ---- */

#define HOUR (3600 * OM_SECOND)

static void
refuse(struct gw_spool *s, const char *sender, int64_t count, om_time at)
{
	const struct gw_refusal r = {
	    .door = "events", .sender = sender, .reason = "not an object", .count = count, .last_us = at};
	om_err e = {.text = ""};

	assert_status(gw_spool_refuse(s, &r, &e), OM_OK, e);
}

static void
test_refusals_are_kept_by_sender_and_counted_by_hour(void **state)
{
	const om_time now = (om_time)1795452001 * OM_SECOND;
	struct gw_spool *s = open_spool(LIMIT);
	struct gw_store_totals t;
	struct gw_refusal *list;
	struct om_arena a;
	size_t n;

	(void)state;
	refuse(s, "a", 1, now - 24 * HOUR);
	refuse(s, "b", 2, now - 23 * HOUR);
	refuse(s, "a", 4, now);
	for (int again = 0; again < 2; again++) {
		t = totals(s);
		assert_int_equal(t.turned_away, 7);
		assert_int_equal(gw_turned_away(&t, now), 6);
		assert_int_equal(gw_turned_away(&t, now + HOUR), 4);
		assert_int_equal(gw_turned_away(&t, now + 24 * HOUR), 0);
		om_arena_init(&a, (size_t)1 << 20);
		assert_int_equal(gw_spool_refusals(s, &a, &list, &n, NULL), OM_OK);
		assert_int_equal(n, 2);
		assert_string_equal(list[0].sender, "a");
		assert_int_equal(list[0].count, 5);
		assert_true(list[0].first_us == now - 24 * HOUR && list[0].last_us == now);
		assert_string_equal(list[1].sender, "b");
		om_arena_fini(&a);
		gw_spool_close(&s); /* and the same after a start */
		s = open_spool(LIMIT);
	}
	gw_spool_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_killed_writer_loses_nothing_acknowledged, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_all_acknowledged_are_there_after_reopen, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_acknowledged_are_deleted_and_counted_for_ever, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_damaged_records_are_set_aside_and_the_rest_goes_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_spool_full_of_damage_still_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_file_that_is_no_spool_is_refused_and_left_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_limit_refuses_and_recovers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_full_disk_refuses_and_recovers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_second_open_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_work_of_others_is_committed_with_the_records, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_refusals_are_kept_by_sender_and_counted_by_hour, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
