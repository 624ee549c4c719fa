/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ticket.h"

#include "access_in.h"
#include "session.h"
#include "answer/reply.h"
#include "base/digest.h"
#include "base/json.h"

#include <string.h>

#define NAME           "ticket="
#define PATH_MAX_BYTES 4096

/* cut gives the ticket's place in the query, which may begin with its question mark; NULL without one. */
static const char *
cut(const char *query)
{
	const char *at = query + (query[0] == '?');

	while (strncmp(at, NAME, sizeof NAME - 1) != 0) {
		at = strchr(at, '&');
		if (at == NULL)
			return NULL;
		at++;
	}
	return at;
}

om_status
gw_ticket_take(const struct gw_access *a, struct gw_req *rq, bool *found_out, om_err *e)
{
	const char *at = cut(rq->query), *path;
	om_status s;

	*found_out = at != NULL;
	if (at == NULL)
		return OM_OK;
	rq->query = om_arena_strndup(rq->arena, rq->query, at > rq->query ? (size_t)(at - rq->query) - 1 : 0);
	path = om_arena_printf(rq->arena, "%s%s%s", rq->path, rq->query != NULL && rq->query[0] != '\0' ? "?" : "",
	    rq->query != NULL ? rq->query : "");
	if (rq->query == NULL || path == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (strcmp(rq->method, "GET") != 0)
		return om_fail(e, OM_INVALID, "a ticket is for GET");
	s = gw_ticket_spend(a->sessions, at + sizeof NAME - 1, path, &rq->session, e);
	if (s == OM_OK)
		rq->who = GW_SESSION;
	return s;
}

/* write_ticket gives the URL with the ticket and when it ends. */
static void
write_ticket(struct gw_reply *rp, const char *path, const char *token, om_time ends_at)
{
	struct om_jw w = gw_reply_json(rp);
	struct om_buf url;

	om_buf_init(&url, PATH_MAX_BYTES + 256);
	om_buf_printf(&url, "%s%c" NAME "%s", path, strchr(path, '?') != NULL ? '&' : '?', token);
	om_buf_add(&url, "", 1);
	om_jw_open(&w, '{');
	om_jw_key(&w, "url");
	om_jw_text(&w, om_buf_done(&url, NULL) == OM_OK ? url.data : "");
	gw_write_time(&w, "expires_at", ends_at);
	om_jw_close(&w, '}');
	om_secret_clear(url.data, url.len);
	om_buf_fini(&url);
}

om_status
gw_ticket_give(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	char token[GW_TOKEN_TEXT];
	om_time ends_at = 0;
	const char *path;
	json_t *doc = NULL;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s != OM_OK)
		return s;
	path = json_string_value(json_object_get(doc, "path"));
	path = path != NULL && strlen(path) <= PATH_MAX_BYTES ? om_arena_strdup(rq->arena, path) : NULL;
	json_decref(doc);
	if (path == NULL || strchr(path, '#') != NULL || cut(path + strcspn(path, "?")) != NULL ||
	    !parts->takes_ticket(rq, path))
		return om_fail(
		    e, OM_INVALID, "path: must be the path, with its query, of a file or of the live stream");
	s = gw_ticket_make(parts->access->sessions, &rq->session, path, token, &ends_at, e);
	if (s == OM_OK)
		write_ticket(rp, path, token, ends_at);
	om_secret_clear(token, sizeof token);
	return s;
}
