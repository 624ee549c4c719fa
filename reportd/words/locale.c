/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "locale.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "locales.inc" /* made by the build: every language, and the list of them */
#include "base/invariant.h"

const struct rd_locale *
rd_locale_named(const char *tag)
{
	if (tag == NULL)
		return &locale_en;
	for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++)
		if (strcmp(languages[i]->tag, tag) == 0)
			return languages[i];
	return NULL;
}

static const struct {
	const char *id;
	size_t offset; /* of a const char * in struct rd_locale */
} phrases[] = {
#define RD_PHRASE(id, text)   {#id, offsetof(struct rd_locale, id)},
#define RD_FORMS(id, ...)     /* not one text */
#define RD_PLURAL_RULE(which) /* nor this */
#include "words/locale/en.def"
#undef RD_PHRASE
#undef RD_FORMS
#undef RD_PLURAL_RULE
};

const char *
rd_locale_phrase(const struct rd_locale *l, const char *id)
{
	const char *text = NULL;

	for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
		if (strcmp(phrases[i].id, id) == 0)
			memcpy(&text, (const char *)l + phrases[i].offset, sizeof text);
	return text;
}

/* ---- texts ---- */

/* place tells which argument stands at p: 1 to 9; 0: none. */
static unsigned
place(const char *p)
{
	return p[0] == '{' && p[1] >= '1' && p[1] <= '9' && p[2] == '}' ? (unsigned)(p[1] - '0') : 0;
}

const char *
rd_fill_n(struct om_arena *a, const char *text, const char *const *args, unsigned n)
{
	size_t bytes = 1, at = 0;
	char *out;

	om_check(n <= 9); /* places have one digit */
	for (const char *p = text; *p != '\0'; p++) {
		unsigned which = place(p);

		bytes += which != 0 && which <= n && args[which - 1] != NULL ? strlen(args[which - 1]) : 1;
	}
	out = om_arena_alloc(a, bytes);
	if (out == NULL)
		return NULL;
	for (const char *p = text; *p != '\0'; p++) {
		unsigned which = place(p);

		if (which == 0) {
			out[at++] = *p;
			continue;
		}
		if (which <= n && args[which - 1] != NULL) {
			size_t len = strlen(args[which - 1]);

			memcpy(out + at, args[which - 1], len);
			at += len;
		}
		p += 2;
	}
	om_check(at < bytes);
	out[at] = '\0';
	return out;
}

const char *
rd_form(const struct rd_locale *l, const char *const forms[RD_PLURAL_FORMS], uint64_t n)
{
	unsigned which = l->plural(n);

	om_check(which < RD_PLURAL_FORMS);
	return forms[which] != NULL ? forms[which] : forms[0];
}

/* ---- numbers and dates ---- */

struct shown {
	char *at;
	size_t n;
};

static void
add(struct shown *s, const char *text, size_t n)
{
	n = s->n + n < RD_SHOWN ? n : RD_SHOWN - 1 - s->n;
	memcpy(s->at + s->n, text, n);
	s->n += n;
	s->at[s->n] = '\0';
}

static void
add_text(struct shown *s, const char *text)
{
	add(s, text, strlen(text));
}

/* add_number writes a plain decimal the way of the language. */
static void
add_number(struct shown *s, const struct rd_locale *l, const char *plain)
{
	size_t whole;

	if (*plain == '-')
		add(s, plain++, 1);
	whole = strcspn(plain, ".");
	for (size_t i = 0; i < whole; i++) {
		if (i > 0 && (whole - i) % 3 == 0)
			add_text(s, l->group);
		add(s, plain + i, 1);
	}
	if (plain[whole] == '.') {
		add_text(s, l->point);
		add_text(s, plain + whole + 1);
	}
}

/* add_filled writes a short pattern whose places are filled in. */
static void
add_filled(struct shown *s, const char *pattern, const char *const *args, unsigned n)
{
	for (const char *p = pattern; *p != '\0'; p++) {
		unsigned which = place(p);

		if (which == 0) {
			add(s, p, 1);
			continue;
		}
		if (which <= n)
			add_text(s, args[which - 1]);
		p += 2;
	}
}

const char *
rd_show_count(const struct rd_locale *l, uint64_t n, char buf[RD_SHOWN])
{
	struct shown s = {buf, 0};
	char plain[24];

	(void)snprintf(plain, sizeof plain, "%" PRIu64, n);
	add_number(&s, l, plain);
	return buf;
}

const char *
rd_show_fixed(const struct rd_locale *l, om_money m, int digits, char buf[RD_SHOWN])
{
	struct shown s = {buf, 0};
	char plain[OM_MONEY_TEXT];

	add_number(&s, l, om_money_text_fixed(m, digits, plain));
	return buf;
}

const char *
rd_show_money(const struct rd_locale *l, om_money m, char buf[RD_SHOWN])
{
	char plain[OM_MONEY_TEXT];
	const char *point = strchr(om_money_text(m, plain), '.');
	size_t digits = point != NULL ? strlen(point + 1) : 0;

	return rd_show_fixed(l, m, digits > 2 ? (int)digits : 2, buf);
}

const char *
rd_show_percent(const struct rd_locale *l, om_money percent, char buf[RD_SHOWN])
{
	char number[RD_SHOWN], plain[OM_MONEY_TEXT];
	struct shown n = {number, 0}, s = {buf, 0};

	add_number(&n, l, om_money_text(percent, plain));
	add_filled(&s, l->percent, (const char *const[]){number}, 1);
	return buf;
}

static void
add_day(struct shown *s, const struct rd_locale *l, int year, int month, int day)
{
	char y[16], m[16], d[16];

	(void)snprintf(y, sizeof y, "%04d", year);
	(void)snprintf(m, sizeof m, "%02d", month);
	(void)snprintf(d, sizeof d, "%02d", day);
	add_filled(s, l->day_pattern, (const char *const[]){y, m, d}, 3);
}

const char *
rd_show_day(const struct rd_locale *l, om_day d, char buf[RD_SHOWN])
{
	struct shown s = {buf, 0};
	int year, month, day;

	om_day_to_civil(d, &year, &month, &day);
	add_day(&s, l, year, month, day);
	return buf;
}

const char *
rd_show_month(const struct rd_locale *l, int year, int month, char buf[RD_SHOWN])
{
	const char *const names[] = {l->january, l->february, l->march, l->april, l->may, l->june, l->july, l->august,
	    l->september, l->october, l->november, l->december};
	struct shown s = {buf, 0};
	char y[16];

	(void)snprintf(y, sizeof y, "%d", year);
	add_filled(&s, l->month_pattern, (const char *const[]){names[month >= 1 && month <= 12 ? month - 1 : 0], y}, 2);
	return buf;
}

const char *
rd_show_instant(const struct rd_locale *l, const struct om_zone_table *zone, om_time t, char buf[RD_SHOWN])
{
	struct shown s = {buf, 0};
	char local[OM_TIME_TEXT];
	const char *clock;
	int year, month, day;

	om_day_to_civil(om_zone_table_day(zone, t), &year, &month, &day);
	add_day(&s, l, year, month, day);
	clock = strchr(om_zone_table_text(zone, t, local), ' ');
	if (clock != NULL)
		add_text(&s, clock);
	return buf;
}
