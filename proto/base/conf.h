/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * conf.h - settings: one table per service yields the parser, the bounds,
 * --help, the README's table and a dump with masked secrets.
 *
 * Source    The environment.  Every setting also has a NAME_FILE form that
 *           names a file with the value (one trailing newline is cut); both at
 *           once is an error.  An empty value counts as not set.
 * Shape     The table's offset points into the service's settings struct:
 *             OM_CONF_TEXT, OM_CONF_SECRET, OM_CONF_CHOICE   char *   (owned by the struct)
 *             OM_CONF_INT                                    int64_t
 *             OM_CONF_DURATION                               int64_t, microseconds
 *             OM_CONF_MONEY                                  om_money
 *             OM_CONF_BOOL                                   bool
 * Failure   OM_INVALID with one line that names the setting and says how to get a good
 *           value.  A secret's value never appears in an error.
 */
#ifndef OM_CONF_H
#define OM_CONF_H

#include "buf.h"
#include "money.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum om_conf_kind {
	OM_CONF_TEXT,
	OM_CONF_SECRET,
	OM_CONF_CHOICE,
	OM_CONF_INT,
	OM_CONF_DURATION, /* "20" or "20s", "250ms", "15m", "6h", "7d" */
	OM_CONF_MONEY,
	OM_CONF_BOOL,
} om_conf_kind;

struct om_conf_opt {
	const char *name;
	om_conf_kind kind;
	size_t offset;
	const char *def;  /* default; NULL: required, or NULL in the struct if optional */
	bool optional;    /* may be absent without a default */
	int64_t min, max; /* of numbers (money: whole USD, durations: seconds), or length of texts; max 0: no bound */
	const char *unit; /* "s", "ms", "bytes", "USD"; NULL */
	const char *choices;                              /* OM_CONF_CHOICE: "a|b|c" */
	const char *mend;                                 /* how to get a good value, "make one with …"; NULL */
	const char *help;                                 /* one sentence */
	om_status (*check)(const char *value, om_err *e); /* further checks; NULL */
};

/* om_conf_load fills *conf (zeroed by the caller) from getenv. */
om_status om_conf_load(const struct om_conf_opt *tab, size_t n, void *conf, om_err *e) OM_MUST;

/* om_conf_fini frees texts and overwrites secrets. */
void om_conf_fini(const struct om_conf_opt *tab, size_t n, void *conf);

/* om_conf_text appends what the setting is set to, as it could be given again;
 * false, and nothing, for one that is not set and for every secret. */
bool om_conf_text(const struct om_conf_opt *o, const void *conf, struct om_buf *out);
bool om_conf_is_set(const struct om_conf_opt *o, const void *conf);
/* om_conf_is_default tells whether the value is that of the table. */
bool om_conf_is_default(const struct om_conf_opt *o, const void *conf);

/* Writers for --help, the README's table, and the masked dump. */
void om_conf_help(const struct om_conf_opt *tab, size_t n, struct om_buf *out);
void om_conf_markdown(const struct om_conf_opt *tab, size_t n, struct om_buf *out);
void om_conf_dump(const struct om_conf_opt *tab, size_t n, const void *conf, struct om_buf *out);

#endif
