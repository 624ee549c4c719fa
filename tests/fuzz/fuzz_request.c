/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A request's head as the server hands it over: method, path, query, then headers,
 * a line each.  Whatever passes the checks has one length, a clean path and known
 * query parameters only.
 */
#include "target.h"
#include "http/arguments.h"
#include "http/gzip.h"
#include "http/request.h"
#include "question/question.h"
#include "usage.pb-c.h"
#include "base/json.h"
#include "base/text.h"

#include <string.h>

#define LINES 70

/* next_line cuts the next line off; NULL at the end. */
static char *
next_line(char **p)
{
	char *line = *p, *end;

	if (line == NULL)
		return NULL;
	end = strchr(line, '\n');
	*p = end != NULL ? end + 1 : NULL;
	if (end != NULL)
		*end = '\0';
	return line;
}

static void
look(struct gw_req *rq)
{
	Om__Period period = OM__PERIOD__INIT;
	uint32_t limit;
	char *text;

	if (gw_arguments_read(rq, "from to q cursor limit user ", NULL) == OM_OK) {
		for (size_t i = 0; i < rq->n_args; i++)
			must(om_utf8_valid(rq->args[i].value, strlen(rq->args[i].value)));
		(void)!gw_argument_period(rq, &period, NULL);
		(void)!gw_argument_limit(rq, 1000, 100, &limit, NULL);
		(void)!gw_argument_text(rq, "q", 1, 128, &text, NULL);
	}
	(void)!gw_media_check(rq, GW_MEDIA_EVENTS, NULL);
	(void)!gw_media_check(rq, GW_MEDIA_TRACES, NULL);
	(void)gw_accepts_gzip(rq);
	(void)gw_etag_matches(rq, "\"0123\"");
}

static void
unpack(const uint8_t *data, size_t n, struct gw_req *rq)
{
	static const struct gw_header gzip = {"Content-Encoding", "gzip"};
	struct om_buf plain;

	rq->headers = &gzip;
	rq->n_headers = 1;
	rq->body = (const char *)data;
	rq->n_body = n;
	om_buf_init(&plain, (size_t)1 << 16);
	if (gw_gunzip_body(rq, &plain, NULL) == OM_OK)
		must(rq->n_body <= (size_t)1 << 16);
	om_buf_fini(&plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct gw_header headers[LINES];
	char *text = malloc(n + 1), *p = text, *line;
	struct gw_req rq = {.method = "", .path = "", .query = "", .headers = headers};
	struct om_arena a;

	must(text != NULL);
	memcpy(text, data, n);
	text[n] = '\0';
	om_arena_init(&a, (size_t)1 << 20);
	rq.arena = &a;
	if ((line = next_line(&p)) != NULL)
		rq.method = line;
	if ((line = next_line(&p)) != NULL)
		rq.path = line;
	if ((line = next_line(&p)) != NULL)
		rq.query = line;
	while (rq.n_headers < LINES && (line = next_line(&p)) != NULL) {
		char *colon = strchr(line, ':');

		if (colon == NULL)
			continue;
		*colon = '\0';
		headers[rq.n_headers].name = line;
		headers[rq.n_headers++].value = colon + 1 + strspn(colon + 1, " ");
	}
	if (gw_req_check(&rq, "1.1", NULL) == OM_OK) {
		const char *length = gw_req_header(&rq, "Content-Length");
		uint64_t v;

		must(length == NULL || om_u64_parse(length, INT64_MAX, &v));
		must(length == NULL || gw_req_header(&rq, "Transfer-Encoding") == NULL);
		look(&rq);
	}
	unpack(data, n, &rq);
	om_arena_fini(&a);
	free(text);
	return 0;
}
