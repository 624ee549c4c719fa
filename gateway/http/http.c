/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * civetweb parses the request head and calls begin_request, which answers and
 * returns a positive number always: returning 0 would hand the request to
 * civetweb's file server.  What civetweb itself refuses (a broken head) goes
 * through http_error, so that those answers have our headers too.
 */
#include "http.h"

#include "door.h"
#include "head.h"
#include "held.h"
#include "base/invariant.h"
#include "base/log.h"

#include <civetweb.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARENA_BYTES  ((size_t)160 * 1024 * 1024)
#define HEAD_TIMEOUT "5000"  /* ms; for the whole head, and for each silence after it */
#define IDLE_MS      "10000" /* a kept connection waits this long for its next request */
#define CLOSE_MS     5000    /* requests under way may take as long when stopping */
#define REPLY_MS     60000   /* for a whole reply to be taken */
#define PART_MS      10000   /* for one part of a reply in parts to be taken */
#define PART_BYTES   ((size_t)256 * 1024)
#define SMALL_REPLY  ((size_t)32 * 1024) /* fits a socket's buffer */
#define READ_BYTES   ((size_t)64 * 1024)

/* Large bodies share this much, two of the largest; the sender of one that does not fit
 * is told to send it again. */
#define LARGE_BODY ((int64_t)256 * 1024)
#define LARGE_SUM  ((int64_t)32 * 1024 * 1024)

/* Connections that wait for a worker.  So many that the door sees a crowd at once, and not one by one. */
#define QUEUE_OF(threads) ((threads)*8 < 768 ? (threads)*8 : 768)

/* A connection keeps its worker until it closes; kept ones may hold at most this
 * part of them, so that the others become free again. */
#define KEPT_OF(threads) ((threads)-1 - (threads) / 4)

struct gw_http {
	struct gw_http_opts opts;
	struct mg_context *server;
	struct gw_door *door;
	struct gw_held *held;
	int port;
	atomic_int under_way;
	atomic_int connections;      /* that hold a worker */
	_Atomic int64_t large_bytes; /* of large bodies under way */
	atomic_bool stopping;
};

/* The part of one request that only this file uses. */
struct exchange {
	struct gw_http *http;
	struct mg_connection *conn;
	const struct mg_request_info *info;
	struct gw_conn *link; /* what the door has of the connection; NULL: nothing */
	bool body_complete;   /* it was read to its end */
	bool keep;            /* the connection, for another request */
	int64_t reserved;     /* of large_bytes */
	struct om_buf body;
};

/* ---- reading ---- */

/* pull reads until the end, the limit or trouble; -1: the sender broke it off. */
static int
pull(struct exchange *x, struct om_buf *b, size_t limit_bytes, int64_t length)
{
	size_t room = length >= 0 && (size_t)length < READ_BYTES ? (size_t)length + 1 : READ_BYTES;
	char *chunk = malloc(room);
	int n = 1;

	if (chunk == NULL) { /* the sender did nothing wrong */
		b->status = OM_NOMEM;
		return n;
	}
	while (n > 0 && (length < 0 || b->len < (size_t)length)) {
		size_t want = room;

		if (length >= 0 && (size_t)length - b->len < want)
			want = (size_t)length - b->len;
		n = mg_read(x->conn, chunk, want);
		if (n > 0)
			om_buf_add(b, chunk, (size_t)n);
		if (b->len > limit_bytes || b->status != OM_OK)
			break;
	}
	free(chunk);
	if (length >= 0 && n == 0)
		n = -1;
	return n;
}

/* reserve keeps memory for a body until the request is done. */
static bool
reserve(struct gw_req *rq, size_t n)
{
	struct exchange *x = rq->conn;
	int64_t more = (int64_t)n;

	if (more <= LARGE_BODY)
		return true;
	x->reserved += more;
	return atomic_fetch_add(&x->http->large_bytes, more) + more <= LARGE_SUM;
}

static om_status
read_body(struct gw_req *rq, size_t limit_bytes, om_err *e)
{
	struct exchange *x = rq->conn;
	const char *cl = gw_req_header(rq, "Content-Length"), *expect = gw_req_header(rq, "Expect");
	const struct gw_http_opts *o = &x->http->opts;
	const int patience_ms =
	    rq->who == GW_ANYONE && o->stranger_ms < o->body_timeout_ms ? o->stranger_ms : o->body_timeout_ms;
	bool chunked = gw_req_header(rq, "Transfer-Encoding") != NULL;
	int64_t length = cl != NULL ? (int64_t)strtoll(cl, NULL, 10) : -1;
	struct om_buf *b = &x->body;
	gw_waited how;
	om_status s;
	int rc;

	if (cl == NULL && !chunked) {
		x->body_complete = true;
		return om_fail(e, OM_INVALID, "the request has no body (no Content-Length and not chunked)");
	}
	if (length > (int64_t)limit_bytes)
		return om_fail(e, OM_TOO_LARGE, "the body may have at most %zu bytes", limit_bytes);
	if (!reserve(rq, length >= 0 ? (size_t)length : limit_bytes))
		return om_fail(e, OM_UNAVAILABLE, "too many large bodies are under way; send it again");
	if (rq->who != GW_ANYONE)
		gw_conn_prove(x->link);
	om_buf_init(b, limit_bytes + READ_BYTES);
	gw_conn_wait(x->link, GW_WAIT_BODY, om_mono_ms() + patience_ms, rq->client);
	if (expect != NULL && strcasecmp(expect, "100-continue") == 0)
		(void)mg_write(x->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	rc = pull(x, b, limit_bytes, length);
	how = gw_conn_go_on(x->link);
	if (b->len > limit_bytes) {
		s = om_fail(e, OM_TOO_LARGE, "the body may have at most %zu bytes", limit_bytes);
	} else if (rc < 0) {
		s = how == GW_LATE  ? om_fail(e, OM_TIMEOUT, "the body did not arrive within %d s", patience_ms / 1000)
		    : how == GW_CUT ? om_fail(e, OM_UNAVAILABLE, "too many bodies are under way; send it again")
				    : om_fail(e, OM_INVALID, "the body ended before it was complete");
	} else {
		s = om_buf_done(b, e);
	}
	if (s == OM_OK) {
		x->body_complete = true;
		rq->body = b->data != NULL ? b->data : "";
		rq->n_body = b->len;
	}
	return s;
}

/* let_go is the end of a request: the connection waits for another one, or closes. */
static void
let_go(struct exchange *x, bool sends_more)
{
	int unread = 0;

	if (x->keep)
		gw_conn_next(x->link);
	else if (sends_more || (ioctl(gw_conn_fd(x->link), FIONREAD, &unread) == 0 && unread > 0))
		gw_conn_drain(x->link);
}

/* ---- answering ---- */

/* A reply in parts on its way out. */
struct parts {
	struct gw_sink sink; /* first, so that the sink is the parts */
	struct exchange *x;
	const char *client;
	bool chunked, broken;
	size_t sent;
};

/* put writes all of it, or breaks the connection off when the peer is slow. */
static bool
put(struct parts *p, const void *data, size_t n)
{
	if (p->broken)
		return false;
	gw_conn_wait(p->x->link, GW_WAIT_REPLY, om_mono_ms() + PART_MS, p->client);
	p->broken = mg_write(p->x->conn, data, n) != (int)n;
	if (gw_conn_go_on(p->x->link) != GW_IN_TIME)
		p->broken = true;
	return !p->broken;
}

static bool
put_part(struct gw_sink *to, const void *data, size_t n)
{
	struct parts *p = (struct parts *)(void *)to;
	char size[24];
	int len;

	if (n == 0 || n > PART_BYTES) /* an empty chunk would be the end */
		return n == 0
		    ? !p->broken
		    : put_part(to, data, PART_BYTES) && put_part(to, (const char *)data + PART_BYTES, n - PART_BYTES);
	len = snprintf(size, sizeof size, "%zx\r\n", n);
	if (p->chunked && !put(p, size, (size_t)len))
		return false;
	if (!put(p, data, n) || (p->chunked && !put(p, "\r\n", 2)))
		return false;
	p->sent += n;
	return true;
}

static bool
peer_gone(struct gw_sink *to)
{
	struct parts *p = (struct parts *)(void *)to;
	struct pollfd fd = {.fd = gw_conn_fd(p->x->link), .events = POLLRDHUP};

	return p->broken || atomic_load(&p->x->http->stopping) ||
	    (poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
}

static bool
is_gone(struct gw_req *rq)
{
	struct exchange *x = rq->conn;
	struct pollfd fd = {.fd = gw_conn_fd(x->link), .events = POLLRDHUP};

	if (atomic_load(&x->http->stopping))
		return true;
	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* send_parts lets the reply write itself.  Its end is known by the last chunk; to
 * HTTP/1.0, by the end of the connection, which is why one that broke off is
 * reset. */
static size_t
send_parts(struct exchange *x, const struct gw_req *rq, const struct gw_reply *rp)
{
	struct parts p = {.sink = {.write = put_part, .gone = peer_gone}, .x = x, .client = rq->client};
	struct om_buf head;
	bool whole;

	p.chunked = !rp->has_length && !rq->old_http;
	om_buf_init(&head, 65536);
	gw_head_write(&head, rq, rp, rp->n_data, p.chunked, false);
	whole = om_buf_done(&head, NULL) == OM_OK && put(&p, head.data, head.len);
	om_buf_fini(&head);
	if (strcmp(rq->method, "HEAD") == 0)
		return 0;
	whole = whole && rp->send(rp->send_arg, &p.sink) && (!p.chunked || put(&p, "0\r\n\r\n", 5));
	if (!whole && !p.chunked) {
		const struct linger reset = {.l_onoff = 1, .l_linger = 0};

		(void)setsockopt(gw_conn_fd(x->link), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	}
	return p.sent;
}

static size_t
send_reply(struct exchange *x, const struct gw_req *rq, const struct gw_reply *rp)
{
	bool bodyless = rp->status == 204 || rp->status == 304;
	const void *data = rp->data != NULL ? rp->data : rp->body.data;
	size_t n = bodyless ? 0 : rp->data != NULL ? rp->n_data : rp->body.len, sent = 0;
	bool head_only = strcmp(rq->method, "HEAD") == 0;
	struct om_buf out;

	om_check(rp->status >= 200 && rp->status <= 599);
	om_check(rp->type != NULL || n == 0); /* a body has a type */
	om_buf_init(&out, SMALL_REPLY + 65536);
	gw_head_write(&out, rq, rp, n, false, x->keep);
	if (head_only)
		n = 0;
	if (n > SMALL_REPLY)
		gw_conn_wait(x->link, GW_WAIT_REPLY, om_mono_ms() + REPLY_MS, rq->client);
	if (n <= SMALL_REPLY) /* one packet where it fits */
		om_buf_add(&out, data != NULL ? data : "", n);
	if (om_buf_done(&out, NULL) == OM_OK && mg_write(x->conn, out.data, out.len) == (int)out.len &&
	    (n <= SMALL_REPLY || mg_write(x->conn, data, n) > 0))
		sent = n;
	else
		mg_disable_connection_keep_alive(x->conn); /* its reply is cut */
	om_buf_fini(&out);
	if (n > SMALL_REPLY && gw_conn_go_on(x->link) != GW_IN_TIME)
		mg_disable_connection_keep_alive(x->conn);
	return sent;
}

/* hold_reply sends it later, and not from this worker. */
static size_t
hold_reply(struct exchange *x, const struct gw_req *rq, const struct gw_reply *rp)
{
	struct om_buf out;
	size_t n = rp->body.len;
	int fd;

	om_buf_init(&out, GW_HELD_BYTES);
	gw_head_write(&out, rq, rp, n, false, false);
	om_buf_add(&out, n > 0 ? rp->body.data : "", n);
	fd = om_buf_done(&out, NULL) == OM_OK ? gw_conn_part(x->link) : -1;
	if (fd >= 0)
		gw_held_put(x->http->held, fd, rq->client, out.data, out.len, om_mono_ms() + rp->hold_ms);
	om_buf_fini(&out);
	return fd >= 0 ? n : 0;
}

static void
fill_headers(const struct mg_request_info *info, struct gw_header *out, size_t *n_out)
{
	*n_out = info->num_headers > 0 ? (size_t)info->num_headers : 0;
	for (size_t i = 0; i < *n_out; i++) {
		out[i].name = info->http_headers[i].name != NULL ? info->http_headers[i].name : "";
		out[i].value = info->http_headers[i].value != NULL ? info->http_headers[i].value : "";
	}
}

/* sends_body tells whether the head announces a body. */
static bool
sends_body(const struct gw_req *rq)
{
	const char *cl = gw_req_header(rq, "Content-Length");

	return gw_req_header(rq, "Transfer-Encoding") != NULL || (cl != NULL && strcmp(cl, "0") != 0);
}

/* may_keep tells whether the connection can take another request: the end of this
 * one must be beyond doubt. */
static bool
may_keep(const struct exchange *x, const struct gw_req *rq, const struct gw_reply *rp)
{
	const char *connection = gw_req_header(rq, "Connection"), *version = x->info->http_version;

	if (version == NULL || strcmp(version, "1.1") != 0 ||
	    (connection != NULL && strcasecmp(connection, "keep-alive") != 0))
		return false;
	if (rp->send != NULL || gw_req_header(rq, "Transfer-Encoding") != NULL || (!x->body_complete && sends_body(rq)))
		return false;
	return rp->status != 401 && rp->status < 500 && !atomic_load(&x->http->stopping) &&
	    atomic_load(&x->http->connections) <= KEPT_OF(x->http->opts.threads);
}

static void *
begin_thread(const struct mg_context *server, int kind)
{
	struct gw_http *h = mg_get_user_data(server);

	(void)kind;
	gw_door_enter(h->door);
	return NULL;
}

static int
begin_connection(const struct mg_connection *conn, void **data)
{
	struct gw_http *h = mg_get_user_context_data(conn);

	(void)data;
	atomic_fetch_add(&h->connections, 1);
	return 0;
}

static void
end_connection(const struct mg_connection *conn)
{
	struct gw_http *h = mg_get_user_context_data(conn);
	const struct mg_request_info *info = mg_get_request_info(conn);

	om_check(info != NULL);
	gw_door_leave(h->door, info->remote_addr, info->remote_port);
	atomic_fetch_sub(&h->connections, 1);
}

static int
begin_request(struct mg_connection *conn)
{
	struct gw_http *h = mg_get_user_context_data(conn);
	struct exchange x = {.http = h, .conn = conn, .info = mg_get_request_info(conn), .link = gw_conn_mine()};
	const char *path = x.info->local_uri_raw != NULL ? x.info->local_uri_raw : x.info->request_uri;
	struct gw_header headers[MG_MAX_HEADERS];
	char request_id[OM_REQUEST_ID];
	struct gw_req rq = {
	    .method = x.info->request_method,
	    .path = path != NULL ? path : "",
	    .query = x.info->query_string != NULL ? x.info->query_string : "",
	    .remote = x.info->remote_addr,
	    .request_id = request_id,
	    .headers = headers,
	    .read_body = read_body,
	    .reserve = reserve,
	    .is_gone = is_gone,
	    .conn = &x,
	    .old_http = x.info->http_version == NULL || strcmp(x.info->http_version, "1.0") == 0,
	};
	struct gw_reply rp;
	struct om_arena arena;
	om_time start = om_now();
	om_err e = {.text = ""};
	const char *fault;
	bool sound = false;
	size_t bytes;
	om_status s;

	om_check(x.link != NULL); /* or civetweb reads past the door */
	fault = gw_conn_fault(x.link, &s);
	if (fault != NULL)
		rq.method = rq.path = "-";
	atomic_fetch_add(&h->under_way, 1);
	om_request_id_make(request_id);
	om_log_request(request_id);
	om_arena_init(&arena, ARENA_BYTES);
	rq.arena = &arena;
	fill_headers(x.info, headers, &rq.n_headers);
	gw_reply_init(&rp);
	if (fault != NULL)
		gw_reply_problem(&rp, &rq, s, fault, NULL);
	else if ((s = gw_req_check(&rq, x.info->http_version != NULL ? x.info->http_version : "", &e)) != OM_OK)
		gw_reply_problem(&rp, &rq, s, e.text, NULL);
	else if (atomic_load(&h->stopping))
		gw_reply_problem(&rp, &rq, OM_UNAVAILABLE, "the gateway is stopping", NULL);
	else
		sound = true;
	if (sound)
		h->opts.serve(h->opts.arg, &rq, &rp);
	if (rq.who != GW_ANYONE)
		gw_conn_prove(x.link);
	x.keep = sound && may_keep(&x, &rq, &rp);
	if (!x.keep)
		mg_disable_connection_keep_alive(conn);
	if (rp.hold_ms > 0 && !x.keep) {
		bytes = hold_reply(&x, &rq, &rp);
	} else {
		bytes = rp.send != NULL ? send_parts(&x, &rq, &rp) : send_reply(&x, &rq, &rp);
		let_go(&x, fault != NULL || (!x.body_complete && sends_body(&rq)));
	}
	gw_reply_note(&rq, &rp, bytes, start);
	gw_reply_fini(&rp);
	om_buf_fini(&x.body);
	om_arena_fini(&arena);
	om_log_request(NULL);
	if (x.reserved > 0) /* or it would stay with this worker */
		(void)malloc_trim(0);
	atomic_fetch_sub(&h->large_bytes, x.reserved);
	atomic_fetch_sub(&h->under_way, 1);
	return rp.status;
}

/* refuse answers what civetweb could not parse. */
static int
refuse(struct mg_connection *conn, int status, const char *message)
{
	struct gw_http *h = mg_get_user_context_data(conn);
	struct exchange x = {.http = h, .conn = conn, .link = gw_conn_mine()};
	char request_id[OM_REQUEST_ID];
	struct gw_req rq = {.method = "-", .path = "-", .query = "", .remote = "", .request_id = request_id};
	struct gw_reply rp;
	om_time start = om_now();
	om_status s = status == 408 ? OM_TIMEOUT
	    : status == 413         ? OM_TOO_LARGE
	    : status < 500          ? OM_INVALID
				    : OM_INTERNAL;

	(void)message;            /* may repeat what was sent */
	om_check(x.link != NULL); /* there is a head, which came through the door */
	mg_disable_connection_keep_alive(conn);
	om_request_id_make(request_id);
	om_log_request(request_id);
	gw_reply_init(&rp);
	gw_reply_problem(&rp, &rq, status == 505 ? OM_INVALID : s, "the request cannot be understood", NULL);
	gw_reply_note(&rq, &rp, send_reply(&x, &rq, &rp), start);
	let_go(&x, false);
	gw_reply_fini(&rp);
	om_log_request(NULL);
	return 0;
}

static int
log_message(const struct mg_connection *conn, const char *message)
{
	(void)conn;
	om_log(OM_LOG_WARN, "http", "why", message, NULL);
	return 1;
}

/* open_door makes room for the connections that civetweb serves, those in its queue, and the one it accepts. */
static om_status
open_door(struct gw_http *h, om_err *e)
{
	const struct gw_http_opts *o = &h->opts;
	const struct gw_door_opts door = {
	    .most = (size_t)(o->threads + QUEUE_OF(o->threads)) + 8,
	    .workers = (size_t)o->threads,
	    .per_address = (size_t)o->per_address,
	    .head_ms = o->stranger_ms,
	    .proxies = o->proxies,
	};

	return gw_door_open(&door, &h->door, e);
}

om_status
gw_http_open(const struct gw_http_opts *o, struct gw_http **out, om_err *e)
{
	/* no log_access: with one, civetweb calls localtime() from all its threads */
	struct mg_callbacks callbacks = {.init_thread = begin_thread,
	    .begin_request = begin_request,
	    .http_error = refuse,
	    .log_message = log_message,
	    .init_connection = begin_connection,
	    .connection_close = end_connection};
	struct gw_http *h = calloc(1, sizeof *h);
	struct mg_server_port ports[1];
	char listen_at[96], threads[16], queue[16];
	const char *options[] = {"listening_ports", listen_at, "num_threads", threads, "connection_queue", queue,
	    "listen_backlog", "512", "request_timeout_ms", HEAD_TIMEOUT, "max_request_size", "16384",
	    "enable_keep_alive", "yes", "keep_alive_timeout_ms", IDLE_MS, "tcp_nodelay", "1", "decode_url", "no",
	    "enable_directory_listing", "no", "access_control_allow_origin", "", "access_control_allow_methods", "",
	    NULL};
	om_status s;

	*out = NULL;
	if (h == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	h->opts = *o;
	s = open_door(h, e);
	if (s == OM_OK)
		s = gw_held_open(&h->held, e);
	if (s != OM_OK) {
		gw_door_close(&h->door);
		free(h);
		return s;
	}
	(void)snprintf(listen_at, sizeof listen_at, "%s:%d", o->address, o->port);
	(void)snprintf(threads, sizeof threads, "%d", o->threads);
	(void)snprintf(queue, sizeof queue, "%d", QUEUE_OF(o->threads));
	(void)mg_init_library(0);
	/* under a sanitizer the first call sets glibc's own allocator up, which two threads must not do at once */
	(void)malloc_trim(0);
	h->server = mg_start(&callbacks, h, options);
	if (h->server == NULL || mg_get_server_ports(h->server, 1, ports) != 1) {
		gw_http_close(&h);
		return om_fail(e, OM_UNAVAILABLE, "cannot listen at %s:%d (is the port taken?)", o->address, o->port);
	}
	h->port = ports[0].port;
	om_log(OM_LOG_INFO, "listening", "address", o->address, "port", OM_I64(h->port), NULL);
	*out = h;
	return OM_OK;
}

void
gw_http_close(struct gw_http **hp)
{
	struct gw_http *h = *hp;
	int64_t until = om_mono_ms() + CLOSE_MS;

	*hp = NULL;
	if (h == NULL)
		return;
	atomic_store(&h->stopping, true);
	while (atomic_load(&h->under_way) > 0 && om_mono_ms() < until)
		(void)poll(NULL, 0, 20);
	if (atomic_load(&h->under_way) > 0)
		om_log(OM_LOG_WARN, "the gateway stops although requests are still under way", NULL);
	gw_door_stop(h->door);
	if (h->server != NULL) {
		mg_stop(h->server);
		(void)mg_exit_library();
	}
	gw_door_close(&h->door);
	gw_held_close(&h->held);
	free(h);
}

int
gw_http_port(const struct gw_http *h)
{
	return h->port;
}
