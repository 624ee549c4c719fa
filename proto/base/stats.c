/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "stats.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static const int64_t bound_us[OM_STAT_BUCKETS] = {
    500,
    1000,
    2500,
    5000,
    10000,
    25000,
    50000,
    100000,
    250000,
    1000000,
    5000000,
    30000000,
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct om_stat *registry; /* registry_lock; ordered by name, then labels */

static int
compare(const struct om_stat *a, const struct om_stat *b)
{
	int c = strcmp(a->name, b->name);

	return c != 0 ? c : strcmp(a->labels != NULL ? a->labels : "", b->labels != NULL ? b->labels : "");
}

void
om_stat_register(struct om_stat *m)
{
	struct om_stat **at;

	if (atomic_load_explicit(&m->registered, memory_order_acquire) != 0)
		return;
	(void)pthread_mutex_lock(&registry_lock);
	if (atomic_load(&m->registered) == 0) {
		for (at = &registry; *at != NULL && compare(*at, m) < 0; at = &(*at)->next)
			continue;
		m->next = *at;
		*at = m;
		atomic_store_explicit(&m->registered, 1, memory_order_release);
	}
	(void)pthread_mutex_unlock(&registry_lock);
}

void
om_stat_add(struct om_stat *m, int64_t n)
{
	om_stat_register(m);
	(void)atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void
om_stat_set(struct om_stat *m, int64_t v)
{
	om_stat_register(m);
	atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

void
om_stat_observe_us(struct om_stat *m, int64_t micros)
{
	size_t i = 0;

	om_stat_register(m);
	while (i < OM_STAT_BUCKETS && micros > bound_us[i])
		i++;
	(void)atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&m->value, micros, memory_order_relaxed);
}

static void
write_labels(const struct om_stat *m, const char *extra, struct om_buf *out)
{
	if (m->labels == NULL && extra == NULL)
		return;
	om_buf_printf(out, "{%s%s%s}", m->labels != NULL ? m->labels : "",
	    m->labels != NULL && extra != NULL ? "," : "", extra != NULL ? extra : "");
}

static void
write_seconds(int64_t micros, struct om_buf *out)
{
	om_buf_printf(out, "%lld.%06lld", (long long)(micros / 1000000), (long long)(micros % 1000000));
}

static void
write_histogram(struct om_stat *m, struct om_buf *out)
{
	int64_t count = 0;
	struct om_buf le;

	om_buf_init(&le, 64);
	for (size_t i = 0; i <= OM_STAT_BUCKETS; i++) {
		count += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
		om_buf_reset(&le);
		om_buf_str(&le, "le=\"");
		if (i < OM_STAT_BUCKETS)
			write_seconds(bound_us[i], &le);
		else
			om_buf_str(&le, "+Inf");
		om_buf_chr(&le, '"');
		om_buf_printf(out, "%s_bucket", m->name);
		write_labels(m, le.data, out);
		om_buf_printf(out, " %lld\n", (long long)count);
	}
	om_buf_fini(&le);
	om_buf_printf(out, "%s_sum", m->name);
	write_labels(m, NULL, out);
	om_buf_chr(out, ' ');
	write_seconds(atomic_load_explicit(&m->value, memory_order_relaxed), out);
	om_buf_printf(out, "\n%s_count", m->name);
	write_labels(m, NULL, out);
	om_buf_printf(out, " %lld\n", (long long)count);
}

void
om_stats_write(struct om_buf *out)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	const char *name = "";

	(void)pthread_mutex_lock(&registry_lock);
	for (struct om_stat *m = registry; m != NULL; m = m->next) {
		if (strcmp(m->name, name) != 0)
			om_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
		name = m->name;
		if (m->kind == OM_STAT_HISTOGRAM) {
			write_histogram(m, out);
			continue;
		}
		om_buf_str(out, m->name);
		write_labels(m, NULL, out);
		om_buf_printf(out, " %lld\n", (long long)atomic_load_explicit(&m->value, memory_order_relaxed));
	}
	(void)pthread_mutex_unlock(&registry_lock);
}
