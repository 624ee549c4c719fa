/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "text.h"

#include "base/money.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- numbers ---- */

/* A number's text in parts: sign, digits with marks, exponent. */
struct parts {
	const char *sign; /* "" or "-" */
	const char *body;
	size_t n;             /* of the body */
	const char *exponent; /* "" or "e-7" */
};

static bool
split(const char *text, struct parts *p)
{
	size_t rest;

	while (*text == ' ')
		text++;
	p->sign = *text == '-' ? "-" : "";
	if (*text == '-' || *text == '+')
		text++;
	p->body = text;
	p->n = strspn(text, "0123456789.,");
	p->exponent = text + p->n;
	rest = strlen(p->exponent);
	while (rest > 0 && p->exponent[rest - 1] == ' ')
		rest--;
	return p->n > 0 && p->n + rest < CD_NUMBER_TEXT / 2 && strspn(p->exponent, "eE+-0123456789") == rest &&
	    (rest == 0 || *p->exponent == 'e' || *p->exponent == 'E');
}

/* is_grouped: one to three digits, and groups of three after each mark. */
static bool
is_grouped(const char *body, size_t n, char mark)
{
	size_t first = strcspn(body, ".,");

	if (first < 1 || first > 3 || body[0] == '0')
		return false;
	for (size_t i = first; i < n; i += 4) {
		if (body[i] != mark || i + 4 > n)
			return false;
		for (size_t k = 1; k < 4; k++)
			if (!isdigit((unsigned char)body[i + k]))
				return false;
	}
	return true;
}

static char
other(char mark)
{
	return mark == '.' ? ',' : '.';
}

/* mark_of gives the mark before the fraction: '.' or ','; 0 where either may be; '-'
 * where there is no mark; '!' when it is no number. */
static char
mark_of(const struct parts *p)
{
	size_t points = 0, commas = 0, last = p->n;
	char mark;

	for (size_t i = 0; i < p->n; i++) {
		points += p->body[i] == '.';
		commas += p->body[i] == ',';
		last = isdigit((unsigned char)p->body[i]) ? last : i;
	}
	if (last == p->n)
		return '-';
	if (last + 1 == p->n || last == 0)
		return '!';
	mark = p->body[last];
	if (points > 0 && commas > 0)
		return (
		    char)((mark == '.' ? points : commas) == 1 && is_grouped(p->body, last, other(mark)) ? mark : '!');
	if (points + commas > 1)
		return (char)(is_grouped(p->body, p->n, mark) ? other(mark) : '!');
	return (char)(*p->exponent == '\0' && is_grouped(p->body, p->n, mark) ? 0 : mark);
}

void
cd_marks_note(struct cd_marks *m, const char *text)
{
	struct parts p;
	char mark = (char)(split(text, &p) ? mark_of(&p) : '!');

	m->point = m->point || mark == '.';
	m->comma = m->comma || mark == ',';
}

char
cd_marks_of(const struct cd_marks *m, char separator)
{
	if (m->point != m->comma)
		return (char)(m->point ? '.' : ',');
	return (char)(!m->point && separator == ',' ? '.' : '\0');
}

bool
cd_number_plain(const char *text, char mark, char out[CD_NUMBER_TEXT])
{
	struct parts p;
	char sure = (char)(split(text, &p) ? mark_of(&p) : '!'), *to = out;

	if (sure == '!' || (sure == '\0' && mark == '\0'))
		return false;
	mark = (char)(sure == '\0' ? mark : sure);
	if (*p.sign == '-')
		*to++ = '-';
	for (size_t i = 0; i < p.n; i++)
		if (isdigit((unsigned char)p.body[i]))
			*to++ = p.body[i];
		else if (p.body[i] == mark)
			*to++ = '.';
	(void)snprintf(to, CD_NUMBER_TEXT - (size_t)(to - out), "%.*s", (int)strcspn(p.exponent, " "), p.exponent);
	return true;
}

static bool
read_whole(const char *text, char mark, int64_t *out)
{
	const om_i128 one = 1000000000000000000;
	char plain[CD_NUMBER_TEXT];
	om_money m;

	if (!cd_number_plain(text, mark, plain) || om_money_parse(plain, &m, NULL) != OM_OK || m.v % one != 0 ||
	    m.v / one > INT64_MAX || m.v / one < INT64_MIN)
		return false;
	*out = (int64_t)(m.v / one);
	return true;
}

bool
cd_number_whole(const char *text, char mark, int64_t *out)
{
	int64_t with_point = 0, with_comma = 0;
	bool point, comma;

	if (mark != '\0')
		return read_whole(text, mark, out);
	point = read_whole(text, '.', &with_point);
	comma = read_whole(text, ',', &with_comma);
	*out = point ? with_point : with_comma;
	return point && comma ? with_point == with_comma : point || comma;
}

/* ---- times ---- */

static bool
is_like(const char *text, const char *shape) /* 0: a digit; anything else is itself */
{
	for (; *shape != '\0'; shape++, text++)
		if (*shape == '0' ? !isdigit((unsigned char)*text) : *text != *shape)
			return false;
	return true;
}

bool
cd_time_read(const char *text, om_time *out)
{
	char iso[64], *p = iso;
	const char *clock = text + 11;
	size_t n = strlen(text);

	if (n < 16 || n > 40)
		return false;
	if (is_like(text, "0000-00-00"))
		p += snprintf(p, 16, "%.10sT", text);
	else if (is_like(text, "00.00.0000 "))
		p += snprintf(p, 16, "%.4s-%.2s-%.2sT", text + 6, text + 3, text);
	else
		return false;
	if ((text[10] != ' ' && text[10] != 'T') || !is_like(clock, "00:00"))
		return false;
	n = is_like(clock, "00:00:00") ? 8 : 5;
	p += snprintf(p, 16, "%.*s%s", (int)n, clock, n == 5 ? ":00" : "");
	clock += n;
	if (n == 8 && (*clock == ',' || *clock == '.')) {
		n = 1 + strspn(clock + 1, "0123456789");
		p += snprintf(p, 24, ".%.*s", (int)(n - 1), clock + 1);
		clock += n;
	}
	(void)snprintf(p, sizeof iso - (size_t)(p - iso), "%s", *clock == '\0' ? "Z" : clock);
	return om_time_parse(iso, out, NULL) == OM_OK;
}

/* ---- words ---- */

bool
cd_bool_read(const char *text, bool *out)
{
	static const char *const words[][3] = {{"false", "0", "falsch"}, {"true", "1", "wahr"}};

	*out = false;
	for (size_t i = 0; i < 3; i++)
		if (strcasecmp(text, words[1][i]) == 0)
			*out = true;
	for (size_t i = 0; i < 3; i++)
		if (strcasecmp(text, words[0][i]) == 0)
			return true;
	return *out || text[0] == '\0';
}
