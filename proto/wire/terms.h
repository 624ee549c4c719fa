/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * terms.h - what a month is charged besides the usage, read and written alike
 * by all services.
 *
 * Shape     Om__Terms of messages/terms.proto.  A text that is not set is NULL and
 *           means the default of reportd's setting of that name: no charge,
 *           "add", USD.  Amounts and rates are decimals.
 * Failure   OM_INVALID names the member: "exchange_rate: …".
 * Threads   Tables and pure functions.
 */
#ifndef OM_TERMS_H
#define OM_TERMS_H

#include "codec.h"
#include "terms.pb-c.h"
#include "base/day.h"
#include "base/json.h"

#include <stdbool.h>

/* The members that are texts, by their lower case names. */
#define OM_TERMS_TEXTS 10
const char *om_terms_name(unsigned i);
typedef enum om_terms_case { OM_TERMS_LOWER, OM_TERMS_UPPER } om_terms_case;
#define OM_TERMS_NAME 40 /* bytes that hold any of the names */
/* om_terms_name_in gives the name in that case: buf, or a constant. */
const char *om_terms_name_in(unsigned i, om_terms_case names, char buf[OM_TERMS_NAME]);
/* om_terms_text gives where a text stands; i below OM_TERMS_TEXTS. */
char **om_terms_text(Om__Terms *t, unsigned i);
/* om_terms_find gives the number of a text, or OM_TERMS_TEXTS. */
unsigned om_terms_find(const char *name);

#define OM_TERMS_CONFIRMED "exchange_rate_confirmed"

/* om_terms_of_rate tells whether a text belongs to currency and rate, which only
 * make sense together. */
bool om_terms_of_rate(unsigned i);

/* om_terms_check: each text is what it should be, and a currency other than USD
 * has a rate with day and source. */
om_status om_terms_check(const Om__Terms *t, om_err *e) OM_MUST;
/* om_terms_check_settings names them as settings are named, in upper case. */
om_status om_terms_check_settings(const Om__Terms *t, om_err *e) OM_MUST;

/* om_terms_same compares the texts, a text that is not set being the same as its
 * default. */
bool om_terms_same(const Om__Terms *a, const Om__Terms *b);

bool om_terms_in_usd(const Om__Terms *t);

/* om_terms_rate_outside tells whether the month (its first day given) is charged at
 * a rate that is dated outside of it and that no person confirmed. */
bool om_terms_rate_outside(const Om__Terms *t, om_day first);

/* om_terms_write puts what is set into the open object, as texts; `confirmed`, in
 * lower case only, as true. */
void om_terms_write(const Om__Terms *t, om_terms_case names, struct om_jw *w);

/* om_terms_read takes the members of terms from an object and ignores the others; a
 * decimal may be a number.  With names in upper case an empty text counts as not set.
 * Texts live in the
 * arena.  Not checked beyond types. */
om_status om_terms_read(const json_t *o, om_terms_case names, struct om_arena *a, Om__Terms *out, om_err *e) OM_MUST;

#endif
