/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pricing.h"

#include "decimal.h"
#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_MODEL   256u
#define TEXT_BYTES  ((size_t)64 * 1024)
#define MAX_KEYS    64u
#define DAY_SECONDS 86400

/* ---- the list ---- */

static int
cmp_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_value(struct om_jw *w, json_t *v);

static void
write_object(struct om_jw *w, json_t *o)
{
	const char *keys[MAX_KEYS];
	const char *key;
	json_t *v;
	size_t n = 0;

	json_object_foreach(o, key, v)
	{
		if (n < MAX_KEYS)
			keys[n++] = key;
	}
	qsort(keys, n, sizeof *keys, cmp_text);
	om_jw_open(w, '{');
	for (size_t i = 0; i < n; i++) {
		om_jw_key(w, keys[i]);
		write_value(w, json_object_get(o, keys[i]));
	}
	om_jw_close(w, '}');
}

static void
write_value(struct om_jw *w, json_t *v)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (json_is_string(v)) {
		om_jw_text_n(w, json_string_value(v), json_string_length(v));
	} else if (json_is_number(v) && om_money_from_double(json_number_value(v), &m, NULL) == OM_OK) {
		om_jw_raw(w, om_money_text(m, buf));
	} else if (json_is_boolean(v)) {
		om_jw_bool(w, json_is_true(v));
	} else if (json_is_object(v)) {
		write_object(w, v);
	} else if (json_is_array(v)) {
		om_jw_open(w, '[');
		for (size_t i = 0; i < json_array_size(v); i++)
			write_value(w, json_array_get(v, i));
		om_jw_close(w, ']');
	} else {
		om_jw_null(w);
	}
}

static om_status
keep_model(json_t *o, struct om_arena *a, struct cd_tariff *list, size_t *n, om_err *e)
{
	json_t *pricing = json_object_get(o, "pricing");
	const char *id = NULL, *slug = NULL;
	struct cd_tariff *t = &list[*n];
	struct om_buf b;
	struct om_jw w;
	om_status s;

	if (!json_is_object(pricing) || json_object_size(pricing) > MAX_KEYS ||
	    om_json_text(o, "", "id", MAX_MODEL, &id, NULL) != OM_OK || id == NULL || id[0] == '\0')
		return OM_OK;
	om_buf_init(&b, TEXT_BYTES);
	om_jw_init(&w, &b);
	write_object(&w, pricing);
	if (om_buf_done(&b, NULL) != OM_OK) {
		om_buf_fini(&b);
		return OM_OK; /* no price list is that long */
	}
	t->model = om_arena_strdup(a, id);
	if (om_json_text(o, "", "canonical_slug", MAX_MODEL, &slug, NULL) == OM_OK && slug != NULL && slug[0] != '\0' &&
	    strcmp(slug, id) != 0)
		t->slug = om_arena_strdup(a, slug);
	t->pricing = om_arena_strndup(a, b.data, b.len);
	s = om_sha256(&(struct om_bytes){.data = b.data, .n = b.len}, 1, t->hash);
	om_buf_fini(&b);
	if (a->failed || s != OM_OK)
		return om_fail(e, OM_NOMEM, "out of memory");
	(*n)++;
	return OM_OK;
}

static int
cmp_tariff(const void *a, const void *b)
{
	const struct cd_tariff *x = a, *y = b;

	return strcmp(x->model, y->model);
}

/* check_whole: pages are not asked for, so there must not be any. */
static om_status
check_whole(const json_t *root, size_t n, om_err *e)
{
	int64_t total = 0;
	bool has = false;

	if (n == 0)
		return om_fail(e, OM_PROTOCOL, "the list of models is empty");
	if (om_json_int(root, "", "total_count", 0, INT64_MAX, &total, &has, NULL) == OM_OK && has &&
	    total > (int64_t)n)
		return om_fail(e, OM_PROTOCOL, "the list has %zu of %lld models", n, (long long)total);
	if (json_is_string(json_object_get(json_object_get(root, "links"), "next")))
		return om_fail(e, OM_PROTOCOL, "the list of models goes on on another page");
	return OM_OK;
}

om_status
cd_pricing_list(const char *body, size_t n, struct om_arena *a, struct cd_tariff **out, size_t *n_out, om_err *e)
{
	const json_t *data;
	json_t *root = NULL;
	om_err why = {.text = ""};
	size_t kept = 0;
	om_status s = OM_OK;

	*out = NULL;
	*n_out = 0;
	if (om_json_parse_mended(body, n, (struct om_json_place){.line = 0}, &root, &why) != OM_OK)
		return om_fail(e, OM_PROTOCOL, "the list of models is not JSON: %.120s", why.text);
	data = json_object_get(root, "data");
	if (!json_is_array(data))
		s = om_fail(e, OM_PROTOCOL, "data: not an array");
	if (s == OM_OK)
		s = check_whole(root, json_array_size(data), e);
	if (s == OM_OK && (*out = om_arena_array(a, json_array_size(data), sizeof **out)) == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < json_array_size(data); i++)
		s = keep_model(json_array_get(data, i), a, *out, &kept, e);
	json_decref(root);
	if (s != OM_OK)
		return s;
	if (kept == 0)
		return om_fail(e, OM_PROTOCOL, "the list of models has no prices");
	qsort(*out, kept, sizeof **out, cmp_tariff);
	for (size_t i = 0; i < kept; i++) /* a model listed twice counts once */
		if (*n_out == 0 || strcmp((*out)[*n_out - 1].model, (*out)[i].model) != 0)
			(*out)[(*n_out)++] = (*out)[i];
	return OM_OK;
}

/* ---- overrides ---- */

static int64_t
minute_of(om_time at)
{
	int64_t s = at / OM_SECOND % DAY_SECONDS;

	return (s < 0 ? s + DAY_SECONDS : s) / 60;
}

/* clock_minutes turns HHMM into minutes. */
static bool
clock_minutes(const json_t *o, const char *key, int64_t *out)
{
	bool has = false;

	if (om_json_int(o, "", key, 0, 2400, out, &has, NULL) != OM_OK || !has || *out % 100 > 59)
		return false;
	*out = *out / 100 * 60 + *out % 100;
	return true;
}

/* on_day reads days by their English names, or 0 to 7, both ends being Sunday. */
static bool
on_day(const json_t *days, om_time at, bool *known)
{
	static const char *const names[] = {
	    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
	int64_t day = at / OM_SECOND / DAY_SECONDS, today = ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	bool found = false;

	if (!json_is_array(days))
		*known = false;
	for (size_t i = 0; *known && i < json_array_size(days); i++) {
		const json_t *d = json_array_get(days, i);
		int64_t n = -1;
		om_money m;

		if (json_is_string(d)) {
			for (int64_t k = 0; k < 7; k++)
				if (strcasecmp(names[k], json_string_value(d)) == 0 ||
				    (json_string_length(d) == 3 && strncasecmp(names[k], json_string_value(d), 3) == 0))
					n = k;
		} else if (json_is_number(d) && om_money_from_double(json_number_value(d), &m, NULL) == OM_OK) {
			for (int64_t k = 0; k <= 7; k++)
				if (m.v == (om_i128)k * 1000000000000000000)
					n = k % 7;
		}
		*known = n >= 0;
		found = found || n == today;
	}
	return found;
}

/* applies says whether all conditions of an override hold; *known becomes false
 * when there is one that this program does not know. */
static bool
applies(json_t *o, const struct cd_tokens *t, om_time at, bool *known)
{
	int64_t start = 0, end = 0, least = 0, now = minute_of(at);
	bool holds = true, has = false, has_start = json_object_get(o, "utc_start") != NULL,
	     has_end = json_object_get(o, "utc_end") != NULL;
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		if (strcmp(key, "min_prompt_tokens") == 0) {
			if (om_json_int(o, "", key, 0, INT64_MAX, &least, &has, NULL) != OM_OK || !has)
				*known = false;
			holds = holds && t->prompt > least;
		} else if (strcmp(key, "utc_days") == 0) {
			holds = on_day(v, at, known) && holds;
		} else if (strcmp(key, "utc_start") != 0 && strcmp(key, "utc_end") != 0 && !json_is_string(v) &&
		    strcmp(key, "discount") != 0) {
			*known = false;
		}
	}
	if (has_start != has_end || (has_start && !clock_minutes(o, "utc_start", &start)) ||
	    (has_end && !clock_minutes(o, "utc_end", &end)))
		*known = false;
	if (*known && has_start)
		holds = holds && (start <= end ? now >= start && now < end : now >= start || now < end);
	return holds && *known;
}

/* ---- the estimate ---- */

struct price {
	struct cd_dec v;
	bool has;
};

typedef enum key { PROMPT, COMPLETION, REQUEST, REASONING, CACHE_READ, CACHE_WRITE, DISCOUNT, N_KEYS } key;

static const char *const keys[N_KEYS] = {
    "prompt", "completion", "request", "internal_reasoning", "input_cache_read", "input_cache_write", "discount"};

/* take_prices lets the object's keys win over what is there; false when one of
 * its prices is not one. */
static bool
take_prices(json_t *o, struct price p[N_KEYS], bool *others)
{
	const char *name;
	json_t *v;

	json_object_foreach(o, name, v)
	{
		struct cd_dec d;
		bool negative = false;
		char buf[OM_MONEY_TEXT];
		om_money m;
		size_t k = 0;

		while (k < N_KEYS && strcmp(keys[k], name) != 0)
			k++;
		if (json_is_number(v) && k == DISCOUNT) {
			if (om_money_from_double(json_number_value(v), &m, NULL) != OM_OK)
				return false;
			cd_dec_parse(om_money_text(m, buf), &d, &negative);
		} else if (json_is_string(v)) {
			cd_dec_parse(json_string_value(v), &d, &negative);
		} else {
			continue; /* overrides and their conditions */
		}
		if (d.bad || (negative && !cd_dec_is_zero(&d)))
			return false;
		if (k < N_KEYS)
			p[k] = (struct price){.v = d, .has = true};
		else if (!cd_dec_is_zero(&d))
			*others = true;
	}
	return true;
}

static void
add(struct cd_dec *sum, const struct price *p, int64_t n)
{
	struct cd_dec part = p->v;

	if (n <= 0)
		return;
	cd_dec_mul_int(&part, (uint64_t)n);
	cd_dec_add(sum, &part);
}

static int64_t
at_most(int64_t v, int64_t most)
{
	return v < 0 ? 0 : v > most ? most : v;
}

static bool
multiply_out(const struct price p[N_KEYS], const struct cd_tokens *t, om_money *out)
{
	int64_t cached = at_most(t->cached, t->prompt), written = at_most(t->cache_write, t->prompt - cached);
	int64_t reasoning = at_most(t->reasoning, t->completion);
	bool apart = p[REASONING].has && !cd_dec_is_zero(&p[REASONING].v);
	struct cd_dec sum = {.scale = 0};

	add(&sum, &p[PROMPT], t->prompt - cached - written);
	add(&sum, p[CACHE_READ].has ? &p[CACHE_READ] : &p[PROMPT], cached);
	add(&sum, p[CACHE_WRITE].has ? &p[CACHE_WRITE] : &p[PROMPT], written);
	add(&sum, &p[COMPLETION], t->completion - (apart ? reasoning : 0));
	if (apart)
		add(&sum, &p[REASONING], reasoning);
	add(&sum, &p[REQUEST], 1);
	if (p[DISCOUNT].has) {
		struct cd_dec rest = p[DISCOUNT].v;

		cd_dec_rest(&rest);
		cd_dec_mul(&sum, &rest);
	}
	return cd_dec_money(&sum, out) == OM_OK;
}

bool
cd_pricing_estimate(const char *pricing, size_t n, const struct cd_tokens *t, om_time at, om_money *out)
{
	struct price p[N_KEYS] = {{.has = false}};
	const json_t *overrides;
	json_t *root = NULL;
	bool others = false, known = true, good;

	if (om_json_parse(pricing, n, &root, NULL) != OM_OK)
		return false;
	overrides = json_object_get(root, "overrides");
	good = json_is_object(root) && take_prices(root, p, &others);
	for (size_t i = 0; good && i < json_array_size(overrides); i++) {
		json_t *o = json_array_get(overrides, i);

		if (!json_is_object(o))
			good = false;
		else if (applies(o, t, at, &known))
			good = take_prices(o, p, &others);
		good = good && known;
	}
	json_decref(root);
	/* priced by image or search only: tokens say nothing */
	if (good && others && cd_dec_is_zero(&p[PROMPT].v) && cd_dec_is_zero(&p[COMPLETION].v) &&
	    cd_dec_is_zero(&p[REQUEST].v))
		good = false;
	return good && (p[PROMPT].has || p[COMPLETION].has || p[REQUEST].has) && multiply_out(p, t, out);
}
