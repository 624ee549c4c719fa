/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * locale.h - the language of a document: its texts, numbers and dates.
 *
 * A language is one file, locale/<tag>.def; the build finds it by itself.
 * English says which texts there are; one that another language lacks, has
 * twice or has alone does not compile.  Texts have places {1} to {9} for what
 * goes into them, in any order; what they print as numbers is given as text.
 * See locale/en.def for the lines a file consists of.
 *
 * Does      Gives texts, plural forms, numbers, months and instants in a language, and
 *           makes others' text fit for documents (clean.h).
 * Owns      Tables that never change.
 * Promises  A language is whole, or the build fails.  Amounts are written digit by
 *           digit, never through binary floating point.
 * Never     Uses what a document is; asks the process for a language or a time zone.
 * Threads   Tables and pure functions.
 */
#ifndef RD_LOCALE_H
#define RD_LOCALE_H

#include "locales.h" /* made by the build: RD_LOCALES, "de|en" */
#include "base/arena.h"
#include "base/money.h"
#include "base/zone.h"

#define RD_PLURAL_FORMS 4

struct rd_locale {
	const char *tag; /* "en" */
#define RD_PHRASE(id, text)   const char *id;
#define RD_FORMS(id, ...)     const char *id[RD_PLURAL_FORMS];
#define RD_PLURAL_RULE(which) unsigned (*plural)(uint64_t n);
#include "words/locale/en.def"
#undef RD_PHRASE
#undef RD_FORMS
#undef RD_PLURAL_RULE
};

/* rd_locale_named: NULL for a language without a file; NULL gives English. */
const struct rd_locale *rd_locale_named(const char *tag);

/* rd_locale_phrase gives the text of an id of RD_PHRASE, NULL where there is none. */
const char *rd_locale_phrase(const struct rd_locale *l, const char *id);

/* rd_fill gives a text with its places filled in, from the arena. */
const char *rd_fill_n(struct om_arena *a, const char *text, const char *const *args, unsigned n);
#define RD_FILL_ARGS(...)     \
	(const char *const[]) \
	{                     \
		__VA_ARGS__   \
	}
#define rd_fill(a, text, ...) \
	rd_fill_n((a), (text), RD_FILL_ARGS(__VA_ARGS__), sizeof RD_FILL_ARGS(__VA_ARGS__) / sizeof(const char *))

/* rd_form gives the one of a text's forms that goes with the number n. */
const char *rd_form(const struct rd_locale *l, const char *const forms[RD_PLURAL_FORMS], uint64_t n);

#define RD_SHOWN 96 /* bytes that hold any number or date as shown */

/* Numbers and dates as the language writes them; all return buf. */
const char *rd_show_count(const struct rd_locale *l, uint64_t n, char buf[RD_SHOWN]);
/* rd_show_money writes the exact amount with at least two fraction digits. */
const char *rd_show_money(const struct rd_locale *l, om_money m, char buf[RD_SHOWN]);
/* rd_show_fixed writes so many fraction digits; the caller rounds first. */
const char *rd_show_fixed(const struct rd_locale *l, om_money m, int digits, char buf[RD_SHOWN]);
/* rd_show_percent writes an exact percentage, "7.5%". */
const char *rd_show_percent(const struct rd_locale *l, om_money percent, char buf[RD_SHOWN]);
const char *rd_show_day(const struct rd_locale *l, om_day d, char buf[RD_SHOWN]);
const char *rd_show_month(const struct rd_locale *l, int year, int month, char buf[RD_SHOWN]);
/* rd_show_instant writes the local time in a zone, to the minute. */
const char *rd_show_instant(const struct rd_locale *l, const struct om_zone_table *zone, om_time t, char buf[RD_SHOWN]);

#endif
