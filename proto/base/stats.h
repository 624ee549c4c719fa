/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * stats.h - metrics in the Prometheus text format.
 *
 * Use       A metric is a static struct of the file that counts; it registers
 *           itself on first use or by om_stat_register.
 *             static struct om_stat accepted = OM_COUNTER("owui_metering_records_accepted_total",
 *                 NULL, "Records made durable in the spool.");
 *             om_stat_add(&accepted, n);
 * Promise   Counters never go down while a process runs.
 * Threads   All calls from any thread.
 */
#ifndef OM_STATS_H
#define OM_STATS_H

#include "buf.h"

#include <stdatomic.h>
#include <stdint.h>

typedef enum om_stat_kind { OM_STAT_COUNTER, OM_STAT_GAUGE, OM_STAT_HISTOGRAM } om_stat_kind;

#define OM_STAT_BUCKETS 12

struct om_stat {
	const char *name;   /* Prometheus' rules: base unit, _total for counters */
	const char *labels; /* "code=\"200\"", or NULL */
	const char *help;
	om_stat_kind kind;
	_Atomic int64_t value;                        /* histogram: the sum, in microseconds */
	_Atomic int64_t buckets[OM_STAT_BUCKETS + 1]; /* histogram only */
	_Atomic int registered;
	struct om_stat *next; /* the registry's */
};

#define OM_COUNTER(name_, labels_, help_)                                                      \
	{                                                                                      \
		.name = (name_), .labels = (labels_), .help = (help_), .kind = OM_STAT_COUNTER \
	}
#define OM_GAUGE(name_, labels_, help_)                                                      \
	{                                                                                    \
		.name = (name_), .labels = (labels_), .help = (help_), .kind = OM_STAT_GAUGE \
	}
/* durations; name ends in _seconds */
#define OM_HISTOGRAM(name_, labels_, help_)                                                      \
	{                                                                                        \
		.name = (name_), .labels = (labels_), .help = (help_), .kind = OM_STAT_HISTOGRAM \
	}

/* om_stat_register makes a metric visible before it is first used. */
void om_stat_register(struct om_stat *m);

void om_stat_add(struct om_stat *m, int64_t n);
void om_stat_set(struct om_stat *m, int64_t v);
void om_stat_observe_us(struct om_stat *m, int64_t micros);

/* om_stats_write appends all metrics; those of one name stand together. */
void om_stats_write(struct om_buf *out);

#endif
