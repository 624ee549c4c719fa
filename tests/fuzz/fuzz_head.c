/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The bytes of a request's head as they arrive; the first byte says in what parts.  The parts make no
 * difference, and a head that passes is read in the same way by a reader that forgives what others do:
 * empty lines in front, lines that end in any CR or LF, folded lines, blanks around names.
 */
#include "target.h"
#include "http/head.h"

#include <string.h>
#include <strings.h>

#define LINES 100

/* find_end looks for the end of a head that arrives in parts of `step` bytes.  Each look has a copy without
 * a byte more than has arrived. */
static size_t
find_end(const uint8_t *data, size_t n, size_t step, const char **why)
{
	size_t seen = 0, end = 0;

	*why = NULL;
	for (size_t have = 0; have < n && end == 0 && *why == NULL;) {
		char *part;

		have = n - have > step ? have + step : n;
		part = malloc(have);
		must(part != NULL);
		memcpy(part, data, have);
		end = gw_head_end(part, have, &seen, why);
		must(seen <= have && end <= have && (end == 0 || *why == NULL));
		free(part);
	}
	return end;
}

/* forgiving_line cuts the next line off as the most forgiving reader does: it ends in CR, LF or both. */
static char *
forgiving_line(char **p)
{
	char *line = *p, *end = line + strcspn(line, "\r\n");

	*p = end + (*end == '\r') + (end[0] == '\n' || (end[0] == '\r' && end[1] == '\n'));
	*end = '\0';
	return line;
}

/* read_forgivingly fills the headers; every oddity that it would forgive is a promise broken. */
static size_t
read_forgivingly(char *p, char **method, char **path, struct gw_header *headers)
{
	size_t n = 0;
	char *line = forgiving_line(&p), *blank = strchr(line, ' ');

	must(blank != NULL && blank != line && blank[1] == '/');
	*method = line;
	*path = blank + 1;
	*blank = '\0';
	blank = strchr(*path, ' ');
	must(blank != NULL && (strcmp(blank, " HTTP/1.1") == 0 || strcmp(blank, " HTTP/1.0") == 0));
	*blank = '\0';
	for (line = forgiving_line(&p); *line != '\0'; line = forgiving_line(&p)) {
		char *colon = strchr(line, ':');

		must(colon != NULL && colon > line && colon[-1] != ' ' && colon[-1] != '\t');
		must(line[0] != ' ' && line[0] != '\t');
		*colon = '\0';
		if (n < LINES)
			headers[n++] = (struct gw_header){line, colon + 1 + strspn(colon + 1, " \t")};
	}
	must(*p == '\0'); /* no empty line before the last */
	return n;
}

/* check_lengths: of a head that passes, no two readers find two ends. */
static void
check_lengths(const struct gw_req *rq)
{
	size_t lengths = 0, hosts = 0;

	for (size_t i = 0; i < rq->n_headers; i++) {
		lengths += strcasecmp(rq->headers[i].name, "Content-Length") == 0;
		lengths += strcasecmp(rq->headers[i].name, "Transfer-Encoding") == 0;
		hosts += strcasecmp(rq->headers[i].name, "Host") == 0;
	}
	must(lengths <= 1 && hosts == 1);
}

static void
read_head(const uint8_t *data, size_t n)
{
	struct gw_header headers[LINES];
	char *text = malloc(n + 1), *method, *path;
	struct gw_req rq = {.query = "", .headers = headers};
	struct om_arena a;

	must(text != NULL);
	memcpy(text, data, n);
	text[n] = '\0';
	must(strlen(text) == n);
	rq.n_headers = read_forgivingly(text, &method, &path, headers);
	rq.method = method;
	rq.path = path;
	om_arena_init(&a, (size_t)1 << 20);
	rq.arena = &a;
	if (gw_req_check(&rq, "1.1", NULL) == OM_OK)
		check_lengths(&rq);
	om_arena_fini(&a);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *whole_why, *parts_why;
	size_t end, step;
	char *head;

	if (n < 2)
		return 0;
	step = data[0] % 16 + 1 + n / 64; /* of a long one not too many copies */
	data++;
	n--;
	end = find_end(data, n, n, &whole_why);
	must(find_end(data, n, step, &parts_why) == end && whole_why == parts_why);
	if (end == 0)
		return 0;
	head = malloc(end);
	must(head != NULL);
	memcpy(head, data, end);
	if (gw_head_fault(head, end) == NULL)
		read_head(data, end);
	free(head);
	return 0;
}
