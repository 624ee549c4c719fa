/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A time zone as a value: made, told on the wire, read back, asked. */
#include "check.h"
#include "usage.pb-c.h"
#include "wire/zones.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ARENA ((size_t)1 << 20)

static om_time
instant(const char *text)
{
	om_err e = {.text = ""};
	om_time t;

	assert_status(om_time_parse(text, &t, &e), OM_OK, e);
	return t;
}

/* make gives a zone by its name, from 1970 to the end of 2028. */
static struct om_zone_table
make(const char *name, struct om_arena *a)
{
	struct om_zone_table z;
	om_err e = {.text = ""};

	assert_status(om_zone_open(name, &e), OM_OK, e);
	assert_status(om_zone_table_make(0, instant("2029-01-01T00:00:00Z"), a, &z, &e), OM_OK, e);
	return z;
}

static const char *const names[] = {"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "America/Santiago"};

#define NAMES (sizeof names / sizeof names[0])

/* A table says of any instant what the C library says of it. */
static void
test_table_is_the_zone(void **state)
{
	const om_time step = (om_time)7 * 3600 * OM_SECOND + 123456789, end = instant("2028-12-31T00:00:00Z");
	char ours[OM_TIME_TEXT], theirs[OM_TIME_TEXT];

	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		struct om_zone_table z;
		struct om_arena a;

		om_arena_init(&a, ARENA);
		z = make(names[i], &a);
		assert_string_equal(z.name, names[i]);
		for (om_time t = 0; t < end; t += step)
			if (om_zone_table_offset_s(&z, t) != om_zone_offset_s(t) ||
			    om_zone_table_day(&z, t) != om_zone_day(t) ||
			    strcmp(om_zone_table_text(&z, t, ours), om_zone_text(t, theirs)) != 0)
				fail_msg("%s at %s", names[i], om_time_text(t, ours));
		for (size_t k = 0; k < z.n; k++)
			for (om_time t = z.at_s[k] * OM_SECOND - 1; t <= z.at_s[k] * OM_SECOND; t++)
				assert_int_equal(om_zone_table_offset_s(&z, t), om_zone_offset_s(t));
		om_arena_fini(&a);
	}
	assert_int_equal(om_zone_open("UTC", NULL), OM_OK);
}

static void
test_known_instants(void **state)
{
	char buf[OM_TIME_TEXT];
	struct om_arena a;
	struct om_zone_table z;

	(void)state;
	om_arena_init(&a, ARENA);
	z = make("Europe/Berlin", &a); /* the hour that comes twice, and the one that never does */
	assert_string_equal(om_zone_table_text(&z, instant("2026-10-25T00:59:59Z"), buf), "2026-10-25 02:59");
	assert_string_equal(om_zone_table_text(&z, instant("2026-10-25T01:00:00Z"), buf), "2026-10-25 02:00");
	assert_string_equal(om_zone_table_text(&z, instant("2026-03-29T00:59:59.999999Z"), buf), "2026-03-29 01:59");
	assert_string_equal(om_zone_table_text(&z, instant("2026-03-29T01:00:00Z"), buf), "2026-03-29 03:00");
	assert_string_equal(om_zone_table_text(&z, 0, buf), "1970-01-01 01:00");
	assert_string_equal(om_zone_table_text(&z, -1, buf), "1970-01-01 00:59");
	z = make("Asia/Kathmandu", &a);
	assert_int_equal(om_zone_table_offset_s(&z, instant("2026-11-30T00:00:00Z")), 20700);
	assert_string_equal(om_zone_table_text(&z, instant("2026-11-30T18:15:00Z"), buf), "2026-12-01 00:00");
	z = make("America/St_Johns", &a);
	assert_int_equal(om_zone_table_offset_s(&z, instant("2026-11-30T00:00:00Z")), -12600);
	assert_string_equal(om_zone_table_text(&z, instant("2026-12-01T03:29:59Z"), buf), "2026-11-30 23:59");
	assert_int_equal(om_zone_table_day(&z, instant("2026-12-01T03:30:00Z")), om_day_from_civil(2026, 12, 1));
	assert_int_equal(om_zone_table_day(&om_zone_utc, -1), -1);
	assert_string_equal(om_zone_table_text(&om_zone_utc, INT64_MAX, buf), "-");
	assert_string_equal(om_zone_table_text(&om_zone_utc, INT64_MIN, buf), "-");
	assert_int_equal(om_zone_open("UTC", NULL), OM_OK);
	om_arena_fini(&a);
}

static void
test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		struct om_zone_table z, back;
		struct om_arena a;
		om_err e = {.text = ""};
		Om__Zone *told;

		om_arena_init(&a, ARENA);
		z = make(names[i], &a);
		told = om_zone_write(&z, &a);
		assert_non_null(told);
		assert_status(om_zone_read(told, &a, &back, &e), OM_OK, e);
		assert_string_equal(back.name, names[i]);
		assert_int_equal(back.n, z.n);
		if (z.n > 0)
			assert_memory_equal(back.at_s, z.at_s, z.n * sizeof *z.at_s);
		assert_memory_equal(back.offset_s, z.offset_s, (z.n + 1) * sizeof *z.offset_s);
		om_arena_fini(&a);
	}
	assert_int_equal(om_zone_open("UTC", NULL), OM_OK);
}

static void
refuse(Om__Zone *z, const char *why)
{
	struct om_zone_table out;
	struct om_arena a;
	om_err e = {.text = ""};

	om_arena_init(&a, ARENA);
	assert_int_equal(om_zone_read(z, &a, &out, &e), OM_PROTOCOL);
	assert_null(out.name);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, why);
	om_arena_fini(&a);
}

static void
test_what_is_no_zone_is_refused(void **state)
{
	static int64_t at[OM_ZONE_SHIFTS + 1], two[] = {100, 200}, same[] = {100, 100};
	static int32_t offset[OM_ZONE_SHIFTS + 2], three[] = {0, 3600, 0}, far[] = {0, OM_ZONE_FAR_S + 1, 0};
	static char berlin[] = "Europe/Berlin", none[] = "", evil[] = "a\nb",
		    much[] = "A123456789012345678901234567890123456789012345678901234567890123456789";
	Om__Zone z = OM__ZONE__INIT;
	struct om_zone_table out;
	struct om_arena a;

	(void)state;
	z.name = berlin;
	refuse(&z, "0 offsets for 0 shifts");
	z.at_s = two;
	z.n_at_s = 2;
	z.offset_s = three;
	z.n_offset_s = 2;
	refuse(&z, "2 offsets for 2 shifts");
	z.n_offset_s = 3;
	om_arena_init(&a, ARENA);
	assert_int_equal(om_zone_read(&z, &a, &out, NULL), OM_OK);
	om_arena_fini(&a);
	z.at_s = same;
	refuse(&z, "shift 2 is not after");
	z.at_s = two;
	z.offset_s = far;
	refuse(&z, "an offset of 93601 s");
	far[1] = -OM_ZONE_FAR_S - 1;
	refuse(&z, "an offset of -93601 s");
	z.offset_s = three;
	z.name = none;
	refuse(&z, "name");
	z.name = evil;
	refuse(&z, "name");
	z.name = much;
	refuse(&z, "name");
	z.name = berlin;
	for (size_t i = 0; i <= OM_ZONE_SHIFTS; i++)
		at[i] = (int64_t)i;
	z.at_s = at;
	z.n_at_s = OM_ZONE_SHIFTS + 1;
	z.offset_s = offset;
	z.n_offset_s = OM_ZONE_SHIFTS + 2;
	refuse(&z, "2001 shifts");
}

struct asker {
	pthread_t thread;
	const struct om_zone_table *zone;
	const char *text; /* of the instant below */
	unsigned wrong;
};

static void *
ask(void *arg)
{
	struct asker *me = arg;
	const om_time at = (om_time)1793491200 * OM_SECOND; /* 2026-11-01T00:00:00Z */
	char buf[OM_TIME_TEXT];

	for (int i = 0; i < 20000; i++)
		me->wrong += strcmp(om_zone_table_text(me->zone, at, buf), me->text) != 0;
	return NULL;
}

/* Each thread has its own zone, at the same time. */
static void
test_threads_have_zones_of_their_own(void **state)
{
	static const char *const of[] = {"Asia/Kathmandu", "America/St_Johns", "Europe/Berlin"};
	static const char *const texts[] = {"2026-11-01 05:45", "2026-10-31 21:30", "2026-11-01 01:00"};
	struct asker askers[3];
	struct om_zone_table z[3];
	struct om_arena a;

	(void)state;
	om_arena_init(&a, ARENA);
	for (int i = 0; i < 3; i++)
		z[i] = make(of[i], &a);
	for (int i = 0; i < 3; i++) {
		askers[i] = (struct asker){.zone = &z[i], .text = texts[i]};
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
		assert_int_equal(askers[i].wrong, 0);
	}
	assert_int_equal(om_zone_open("UTC", NULL), OM_OK);
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table_is_the_zone),
	    cmocka_unit_test(test_known_instants),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_what_is_no_zone_is_refused),
	    cmocka_unit_test(test_threads_have_zones_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
