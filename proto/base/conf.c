/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "conf.h"
#include "digest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES 65536

static void *
field(const struct om_conf_opt *o, void *conf)
{
	return (char *)conf + o->offset;
}

static const void *
const_field(const struct om_conf_opt *o, const void *conf)
{
	return (const char *)conf + o->offset;
}

/* refuse adds to the error how to get a good value. */
static om_status
refuse(const struct om_conf_opt *o, om_err *e, const char *what)
{
	return om_fail(
	    e, OM_INVALID, "%s: %s%s%s", o->name, what, o->mend != NULL ? "; " : "", o->mend != NULL ? o->mend : "");
}

static om_status
read_file(const struct om_conf_opt *o, const char *path, char **out, om_err *e)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;

	if (f == NULL)
		return om_fail(e, OM_INVALID, "%s_FILE: cannot open %.120s: %s", o->name, path, strerror(errno));
	text = malloc(FILE_BYTES);
	if (text == NULL) {
		(void)fclose(f);
		return om_fail(e, OM_NOMEM, "%s_FILE: out of memory", o->name);
	}
	n = fread(text, 1, FILE_BYTES - 1, f);
	if (ferror(f) != 0 || fgetc(f) != EOF || memchr(text, '\0', n) != NULL) {
		(void)fclose(f);
		free(text);
		return om_fail(e, OM_INVALID, "%s_FILE: cannot read %.120s as text below 64 kB", o->name, path);
	}
	(void)fclose(f);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	*out = text;
	return OM_OK;
}

/* fetch gives a copy of the value, or NULL when the setting is not set. */
static om_status
fetch(const struct om_conf_opt *o, char **out, om_err *e)
{
	char file_name[128];
	const char *direct, *file;

	*out = NULL;
	(void)snprintf(file_name, sizeof file_name, "%s_FILE", o->name);
	direct = getenv(o->name);
	file = getenv(file_name);
	if (direct != NULL && direct[0] == '\0')
		direct = NULL;
	if (file != NULL && file[0] == '\0')
		file = NULL;
	if (direct != NULL && file != NULL)
		return om_fail(e, OM_INVALID, "%s and %s are both set; keep one", o->name, file_name);
	if (file != NULL) {
		om_status s = read_file(o, file, out, e);

		if (s == OM_OK && (*out)[0] == '\0') {
			free(*out);
			*out = NULL;
		}
		return s;
	}
	if (direct == NULL)
		direct = o->def;
	if (direct != NULL && (*out = strdup(direct)) == NULL)
		return om_fail(e, OM_NOMEM, "%s: out of memory", o->name);
	return OM_OK;
}

static bool
is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *c = choices; n > 0 && c != NULL; c = strchr(c, '|')) {
		c += *c == '|';
		if (strncmp(c, value, n) == 0 && (c[n] == '|' || c[n] == '\0'))
			return true;
	}
	return false;
}

static om_status
set_int(const struct om_conf_opt *o, const char *value, int64_t *out, om_err *e)
{
	char what[128], *end;
	long long v;

	errno = 0;
	v = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || v < o->min || v > o->max) {
		(void)snprintf(what, sizeof what, "must be a whole number from %lld to %lld%s%s", (long long)o->min,
		    (long long)o->max, o->unit != NULL ? " " : "", o->unit != NULL ? o->unit : "");
		return refuse(o, e, what);
	}
	*out = v;
	return OM_OK;
}

/* Units of a duration, the greatest first; seconds where nothing is said. */
static const struct {
	const char *name;
	int64_t micros;
} units[] = {{"d", 86400000000}, {"h", 3600000000}, {"m", 60000000}, {"s", 1000000}, {"ms", 1000}, {"", 1000000}};
#define N_UNITS (sizeof units / sizeof units[0])

static bool
read_duration(const struct om_conf_opt *o, const char *value, int64_t *out)
{
	long long v;
	char *end;

	errno = 0;
	v = strtoll(value, &end, 10);
	for (size_t i = 0; errno == 0 && end != value && v >= 0 && i < N_UNITS; i++)
		if (strcmp(end, units[i].name) == 0) {
			*out = v <= INT64_MAX / units[i].micros ? v * units[i].micros : INT64_MAX;
			return *out >= o->min * 1000000 && *out <= o->max * 1000000;
		}
	return false;
}

static void
write_duration(int64_t micros, struct om_buf *out)
{
	size_t i = 0;

	while (i + 2 < N_UNITS && micros % units[i].micros != 0)
		i++;
	if (micros == 0)
		om_buf_chr(out, '0');
	else
		om_buf_printf(out, "%lld%s", (long long)(micros / units[i].micros), units[i].name);
}

static om_status
set_duration(const struct om_conf_opt *o, const char *value, int64_t *out, om_err *e)
{
	char what[160];

	if (read_duration(o, value, out))
		return OM_OK;
	(void)snprintf(what, sizeof what,
	    "must be a time from %lld to %lld seconds, a whole number with ms, s, m, h or d after it (s, if nothing)",
	    (long long)o->min, (long long)o->max);
	return refuse(o, e, what);
}

static om_status
set_money(const struct om_conf_opt *o, const char *value, om_money *out, om_err *e)
{
	char what[128], max_text[24];
	om_money max;

	(void)snprintf(max_text, sizeof max_text, "%lld", (long long)o->max);
	if (om_money_parse(max_text, &max, e) != OM_OK || om_money_parse(value, out, NULL) != OM_OK ||
	    om_money_is_negative(*out) || om_money_cmp(*out, max) > 0) {
		(void)snprintf(what, sizeof what, "must be an amount from 0 to %s %s, like 0.50", max_text,
		    o->unit != NULL ? o->unit : "USD");
		return refuse(o, e, what);
	}
	return OM_OK;
}

static om_status
set_text(const struct om_conf_opt *o, char *value, char **out, om_err *e)
{
	size_t n = strlen(value);
	char what[256];

	if (o->kind == OM_CONF_CHOICE && !is_choice(o->choices, value)) {
		(void)snprintf(what, sizeof what, "must be one of %s", o->choices);
		return refuse(o, e, what);
	}
	if (n < (size_t)o->min || (o->max > 0 && n > (size_t)o->max)) {
		(void)snprintf(what, sizeof what, "must have %lld to %lld characters, it has %zu", (long long)o->min,
		    (long long)o->max, n);
		return refuse(o, e, what);
	}
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return refuse(o, e, "must not contain control characters or line breaks");
	*out = value;
	return OM_OK;
}

static om_status
load_one(const struct om_conf_opt *o, void *conf, om_err *e)
{
	char *value = NULL;
	om_err why = {.text = ""};
	om_status s = fetch(o, &value, e);

	if (s != OM_OK)
		return s;
	if (value == NULL)
		return o->optional ? OM_OK : refuse(o, e, "is required and not set");
	if (o->check != NULL && o->check(value, &why) != OM_OK) {
		s = refuse(o, e, why.text);
	} else {
		switch (o->kind) {
		case OM_CONF_TEXT:
		case OM_CONF_SECRET:
		case OM_CONF_CHOICE:
			s = set_text(o, value, field(o, conf), e);
			if (s == OM_OK)
				value = NULL; /* now the struct's */
			break;
		case OM_CONF_INT:
			s = set_int(o, value, field(o, conf), e);
			break;
		case OM_CONF_DURATION:
			s = set_duration(o, value, field(o, conf), e);
			break;
		case OM_CONF_MONEY:
			s = set_money(o, value, field(o, conf), e);
			break;
		case OM_CONF_BOOL:
			if (!is_choice("true|false|on|off|yes|no|1|0", value))
				s = refuse(o, e, "must be true or false");
			else
				*(bool *)field(o, conf) = is_choice("true|on|yes|1", value);
			break;
		}
	}
	if (value != NULL)
		om_secret_clear(value, strlen(value));
	free(value);
	return s;
}

om_status
om_conf_load(const struct om_conf_opt *tab, size_t n, void *conf, om_err *e)
{
	for (size_t i = 0; i < n; i++) {
		om_status s = load_one(&tab[i], conf, e);

		if (s != OM_OK)
			return s;
	}
	return OM_OK;
}

static bool
is_text(const struct om_conf_opt *o)
{
	return o->kind == OM_CONF_TEXT || o->kind == OM_CONF_SECRET || o->kind == OM_CONF_CHOICE;
}

void
om_conf_fini(const struct om_conf_opt *tab, size_t n, void *conf)
{
	for (size_t i = 0; i < n; i++) {
		char **p;

		if (!is_text(&tab[i]))
			continue;
		p = field(&tab[i], conf);
		if (*p != NULL)
			om_secret_clear(*p, strlen(*p));
		free(*p);
		*p = NULL;
	}
}

/* shape says what values look like: "0 to 86400 s", "a, b or c". */
static void
shape(const struct om_conf_opt *o, struct om_buf *out)
{
	switch (o->kind) {
	case OM_CONF_INT:
	case OM_CONF_MONEY:
		om_buf_printf(out, "%lld to %lld%s%s", (long long)o->min, (long long)o->max, o->unit != NULL ? " " : "",
		    o->unit != NULL ? o->unit : "");
		break;
	case OM_CONF_DURATION:
		om_buf_printf(out, "%lld to %lld s, or with ms, m, h, d", (long long)o->min, (long long)o->max);
		break;
	case OM_CONF_BOOL:
		om_buf_str(out, "true or false");
		break;
	case OM_CONF_CHOICE:
		for (const char *c = o->choices; *c != '\0'; c++)
			om_buf_str(out, *c == '|' ? ", " : (char[]){*c, '\0'});
		break;
	case OM_CONF_TEXT:
	case OM_CONF_SECRET:
		om_buf_str(out, o->kind == OM_CONF_SECRET ? "secret" : "text");
		if (o->min > 1)
			om_buf_printf(out, ", at least %lld characters", (long long)o->min);
		break;
	}
}

static const char *
default_text(const struct om_conf_opt *o)
{
	return o->def != NULL ? o->def : o->optional ? "not set" : "required";
}

void
om_conf_help(const struct om_conf_opt *tab, size_t n, struct om_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		om_buf_printf(out, "  %s (", tab[i].name);
		shape(&tab[i], out);
		om_buf_printf(out, "; %s%s)\n      %s\n", tab[i].def != NULL ? "default " : "", default_text(&tab[i]),
		    tab[i].help);
	}
}

void
om_conf_markdown(const struct om_conf_opt *tab, size_t n, struct om_buf *out)
{
	om_buf_str(out, "| setting | values | default | |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < n; i++) {
		om_buf_printf(out, "| `%s` | ", tab[i].name);
		shape(&tab[i], out);
		om_buf_printf(out, tab[i].def != NULL ? " | `%s` | %s |\n" : " | %s | %s |\n", default_text(&tab[i]),
		    tab[i].help);
	}
}

void
om_conf_dump(const struct om_conf_opt *tab, size_t n, const void *conf, struct om_buf *out)
{
	char text[OM_MONEY_TEXT];

	for (size_t i = 0; i < n; i++) {
		const struct om_conf_opt *o = &tab[i];
		const void *f = const_field(o, conf);
		const char *t;

		om_buf_printf(out, "%s=", o->name);
		switch (o->kind) {
		case OM_CONF_TEXT:
		case OM_CONF_CHOICE:
			t = *(const char *const *)f;
			om_buf_str(out, t != NULL ? t : "");
			break;
		case OM_CONF_SECRET:
			om_buf_str(out, *(const char *const *)f != NULL ? "********" : "");
			break;
		case OM_CONF_INT:
			om_buf_printf(out, "%lld", (long long)*(const int64_t *)f);
			break;
		case OM_CONF_DURATION:
			write_duration(*(const int64_t *)f, out);
			break;
		case OM_CONF_MONEY:
			om_buf_str(out, om_money_text(*(const om_money *)f, text));
			break;
		case OM_CONF_BOOL:
			om_buf_str(out, *(const bool *)f ? "true" : "false");
			break;
		}
		om_buf_chr(out, '\n');
	}
}

bool
om_conf_is_set(const struct om_conf_opt *o, const void *conf)
{
	return !is_text(o) || *(const char *const *)const_field(o, conf) != NULL;
}

bool
om_conf_text(const struct om_conf_opt *o, const void *conf, struct om_buf *out)
{
	const void *f = const_field(o, conf);
	char text[OM_MONEY_TEXT];

	if (o->kind == OM_CONF_SECRET || !om_conf_is_set(o, conf))
		return false;
	switch (o->kind) {
	case OM_CONF_TEXT:
	case OM_CONF_CHOICE:
		om_buf_str(out, *(const char *const *)f);
		break;
	case OM_CONF_INT:
		om_buf_printf(out, "%lld", (long long)*(const int64_t *)f);
		break;
	case OM_CONF_DURATION:
		write_duration(*(const int64_t *)f, out);
		break;
	case OM_CONF_MONEY:
		om_buf_str(out, om_money_text(*(const om_money *)f, text));
		break;
	case OM_CONF_BOOL:
		om_buf_str(out, *(const bool *)f ? "true" : "false");
		break;
	case OM_CONF_SECRET:
		return false;
	}
	return true;
}

bool
om_conf_is_default(const struct om_conf_opt *o, const void *conf)
{
	const void *f = const_field(o, conf);
	om_money m;
	int64_t us;

	if (o->def == NULL || is_text(o)) {
		const char *t = is_text(o) ? *(const char *const *)f : NULL;

		return t == NULL ? o->def == NULL : o->def != NULL && strcmp(t, o->def) == 0;
	}
	switch (o->kind) {
	case OM_CONF_INT:
		return strtoll(o->def, NULL, 10) == *(const int64_t *)f;
	case OM_CONF_DURATION:
		return read_duration(o, o->def, &us) && us == *(const int64_t *)f;
	case OM_CONF_MONEY:
		return om_money_parse(o->def, &m, NULL) == OM_OK && om_money_cmp(m, *(const om_money *)f) == 0;
	case OM_CONF_BOOL:
		return is_choice("true|on|yes|1", o->def) == *(const bool *)f;
	case OM_CONF_TEXT:
	case OM_CONF_CHOICE:
	case OM_CONF_SECRET:
		break;
	}
	return false;
}
