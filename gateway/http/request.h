/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * request.h - a request and its reply, as everything but http.c sees them.
 *
 * Owner     All texts of a request live until it is answered; what handlers
 *           allocate from its arena does too.
 * Threads   One request, one thread.
 */
#ifndef GW_REQUEST_H
#define GW_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_PARAMS      2 /* variable parts of a path, at most */
#define GW_QUERY_MAX   20
#define GW_ADDRESS     48
#define GW_BODY_SMALL  ((size_t)64 * 1024)
#define GW_BODY_EVENTS ((size_t)8 * 1024 * 1024)
#define GW_BODY_TRACES ((size_t)16 * 1024 * 1024) /* with the texts, which are dropped */

struct gw_header {
	const char *name;
	const char *value;
};

/* Who asks; also the set of those who may. */
typedef enum gw_who {
	GW_ANYONE = 0,
	GW_INGEST = 1,
	GW_READER = 2,
	GW_SESSION = 4,
} gw_who;

#define GW_SECRET 32

struct gw_session {
	unsigned char secret[GW_SECRET]; /* what costd knows it by: a keyed hash of what the browser has */
	om_time expires_at;              /* 0 without a session */
	bool unconfirmed;                /* costd does not answer, and knew it some minutes ago: it may only read */
};

struct gw_arg {
	const char *name; /* of the route's list of parameters */
	const char *value;
};

struct gw_req {
	const char *method;
	const char *path;   /* as sent, still percent-encoded, begins with '/' */
	const char *query;  /* as sent, "" if none */
	const char *remote; /* address of the peer */
	const char *request_id;
	const struct gw_header *headers;
	size_t n_headers;
	struct om_arena *arena;

	/* read_body fills body and n_body, at most once; the server's part. */
	om_status (*read_body)(struct gw_req *rq, size_t limit_bytes, om_err *e);
	/* reserve takes n bytes of what all large bodies share until the request is
	 * answered; false when there are none left.  NULL: they are not counted. */
	bool (*reserve)(struct gw_req *rq, size_t n);
	/* is_gone tells that the client does not wait for the answer any more: it
	 * closed the connection, or the server is stopping.  NULL: it is not known. */
	bool (*is_gone)(struct gw_req *rq);
	void *conn;
	bool old_http;    /* 1.0 does not know chunks */
	bool as_export;   /* begin to make the file and say so, in place of sending it */
	const char *body; /* ends with a zero byte that is not counted */
	size_t n_body;

	/* filled in by the router */
	const char *route;       /* what the log says of the path: without what names a person; NULL: it is no route */
	char client[GW_ADDRESS]; /* the client's address, as trusted proxies tell it */
	bool https;              /* as far as a trusted proxy says */
	bool by_proxy;           /* a trusted one */
	gw_who who;
	struct gw_session session;
	const char *param[GW_PARAMS];
	struct gw_arg args[GW_QUERY_MAX];
	size_t n_args;
};

/* Where a reply in parts goes. */
struct gw_sink {
	/* write sends one part; false: the peer is gone or does not take it in time */
	bool (*write)(struct gw_sink *to, const void *data, size_t n);
	/* gone tells, without waiting, whether the peer has closed the connection */
	bool (*gone)(struct gw_sink *to);
};

struct gw_reply {
	int status;
	const char *type;          /* content type; NULL: no body */
	const char *cache_control; /* NULL: no-store */
	const char *close_reason;  /* a phrase for the log; NULL */
	int hold_ms;               /* the answer, small and to a connection that is not kept, waits so long */
	bool quiet;                /* success comes so often that the log tells it at debug only */
	struct om_buf headers;     /* further header lines */
	struct om_buf body;
	const void *data; /* borrowed; sent in place of body */
	size_t n_data;

	/* A reply in parts, in place of body and data: called on the same thread when
	 * the head is sent (not for HEAD), and writes as often as it likes.  false
	 * breaks the reply off, so that the peer sees that it is not complete. */
	bool (*send)(void *arg, struct gw_sink *to);
	bool has_length;              /* the parts are n_data bytes together */
	void (*send_done)(void *arg); /* called once in any case; NULL */
	void *send_arg;
};

/* gw_req_header returns the first header of that name, NULL if there is none. */
const char *gw_req_header(const struct gw_req *rq, const char *name);

/* gw_req_arg returns a query parameter, NULL if it was not given. */
const char *gw_req_arg(const struct gw_req *rq, const char *name);

void gw_reply_init(struct gw_reply *rp);
void gw_reply_fini(struct gw_reply *rp);

/* gw_reply_header adds one header line; bytes that cannot stand in one become '_'. */
void gw_reply_header(struct gw_reply *rp, const char *name, const char *fmt, ...) OM_PRINTF(3, 4);

/* gw_reply_filename says that the reply is a file to be kept, and how it is named: the plain
 * name, and the one people read (RFC 6266, RFC 8187).  Either may be any bytes, or NULL. */
void gw_reply_filename(struct gw_reply *rp, const char *plain, const char *shown);

/* gw_reply_problem makes the reply an application/problem+json; extra, if not
 * NULL, is further members, ",\"accepted\":0". */
void gw_reply_problem(struct gw_reply *rp, const struct gw_req *rq, om_status s, const char *detail, const char *extra);

/* gw_reply_legacy makes the reply the {"success":false,"error":…} that clients of
 * the older program read. */
void gw_reply_legacy(struct gw_reply *rp, om_status s, const char *detail);

/* gw_reply_note counts an answer of so many bytes, begun at `start`, and writes its line of the log. */
void gw_reply_note(const struct gw_req *rq, const struct gw_reply *rp, size_t bytes, om_time start);

/* gw_req_check refuses what two HTTP parsers could read in two ways. */
om_status gw_req_check(const struct gw_req *rq, const char *http_version, om_err *e) OM_MUST;

/* gw_percent_decode decodes n bytes to a zero-terminated text in the arena;
 * refuses broken escapes, control characters and what is not UTF-8.  NULL and a
 * reason in *why on failure. */
char *gw_percent_decode(struct om_arena *a, const char *text, size_t n, bool plus_is_space, const char **why);

/* gw_decode_fault tells whose fault it was that something could not be decoded. */
static inline om_status
gw_decode_fault(const struct gw_req *rq)
{
	return rq->arena->failed ? OM_NOMEM : OM_INVALID;
}

/* gw_media_is tells whether the request's content type is this one, in UTF-8. */
bool gw_media_is(const struct gw_req *rq, const char *type);

/* gw_accepts_gzip reads Accept-Encoding. */
bool gw_accepts_gzip(const struct gw_req *rq);

/* gw_etag_matches reads If-None-Match; etag has its quotes. */
bool gw_etag_matches(const struct gw_req *rq, const char *etag);

/* gw_http_reason returns the phrase of a status line. */
const char *gw_http_reason(int status);

#endif
