/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fixture.h"

#include "http/http.h"
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* nng frees a closed listener on a thread of its own, maybe not before the end. */
const char *__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier) */

const char *
__lsan_default_suppressions(void) /* NOLINT(bugprone-reserved-identifier) */
{
	return "leak:libnng.so\n";
}

char *
fx_dir_make(void)
{
	char *dir = strdup("/tmp/gateway-test-XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	return dir;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
fx_dir_remove(char **dir)
{
	(void)nftw(*dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*dir);
	*dir = NULL;
}

/* ---- costd ---- */

static bool
book(struct fx_costd *c, const unsigned char id[16])
{
	for (size_t i = 0; i < c->n_ids; i++)
		if (memcmp(c->ids[i], id, 16) == 0)
			return false;
	if (c->n_ids == c->cap_ids) {
		c->cap_ids = c->cap_ids == 0 ? 64 : c->cap_ids * 2;
		c->ids = realloc(c->ids, c->cap_ids * sizeof *c->ids);
		if (c->ids == NULL)
			abort();
	}
	memcpy(c->ids[c->n_ids++], id, 16);
	return true;
}

static om_status
submit(struct fx_costd *c, const Om__SubmitBatch *b, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__SubmitReply *r = om_msg_new(a, &om__submit_reply__descriptor);
	int mode = atomic_load(&c->mode);

	(void)pthread_mutex_lock(&c->lock);
	if (atomic_load(&c->batches) < FX_SIZES)
		c->sizes[atomic_load(&c->batches)] = b->n_entries;
	atomic_fetch_add(&c->batches, 1);
	(void)pthread_mutex_unlock(&c->lock);
	if (mode == FX_REFUSES)
		return om_fail(e, OM_STORE, "the database is away");
	rep->submit = r;
	rep->body_case = OM__REPLY__BODY_SUBMIT;
	r->spool_id = b->spool_id;
	r->first_seq = b->first_seq;
	r->last_seq = b->last_seq;
	if (mode == FX_OTHER_SPOOL) {
		r->spool_id.data = om_arena_alloc(a, 16);
		r->spool_id.len = 16;
	}
	r->last_seq += mode == FX_OTHER_LAST;
	r->new_records = mode == FX_WRONG_COUNT;
	(void)pthread_mutex_lock(&c->lock);
	if (b->first_seq <= c->last_seq && b->last_seq > c->last_seq)
		c->out_of_order = true;
	for (size_t i = 0; i < b->n_entries; i++) {
		Om__Record *rec = NULL;
		const ProtobufCBinaryData *packed = &b->entries[i]->record;

		if (om_msg_unpack(&om__record__descriptor, packed->data, packed->len, a, &rec, NULL) != OM_OK ||
		    rec->record_id.len != 16)
			r->refused_records++;
		else if (book(c, rec->record_id.data))
			r->new_records++;
		else
			r->duplicate_records++;
	}
	if (b->last_seq > c->last_seq)
		c->last_seq = b->last_seq;
	c->n_duplicates += r->duplicate_records;
	(void)pthread_mutex_unlock(&c->lock);
	while (mode == FX_TIMES_OUT && atomic_load(&c->mode) == mode)
		(void)poll(NULL, 0, 5);
	if (mode == FX_OTHER_MESSAGE) {
		rep->metrics = om_msg_new(a, &om__metrics_reply__descriptor);
		rep->metrics->text = om_arena_strdup(a, "");
		rep->body_case = OM__REPLY__BODY_METRICS;
	}
	return OM_OK;
}

static Om__Figures *
figures(struct om_arena *a)
{
	Om__Figures *f = om_msg_new(a, &om__figures__descriptor);

	f->requests = 2;
	f->prompt_tokens = 30;
	f->cost = om_arena_strdup(a, "0.000000125");
	f->byok_cost = om_arena_strdup(a, "0");
	return f;
}

/* the question comes back in the answer, so that tests see what arrived */
static om_status
usage(const Om__UsageQuery *q, struct om_arena *a, Om__Reply *rep)
{
	Om__UsageReply *u = om_msg_new(a, &om__usage_reply__descriptor);
	Om__UsageRow *row = om_msg_new(a, &om__usage_row__descriptor);

	u->timezone = om_arena_strdup(a, "Europe/Berlin");
	u->from = om_arena_printf(a, "%d", q->period != NULL && q->period->has_from_day ? q->period->from_day : -1);
	u->to = om_arena_strdup(a, q->filter != NULL && q->filter->user != NULL ? q->filter->user : "");
	u->rows = om_arena_alloc(a, sizeof(void *));
	u->rows[0] = row;
	u->n_rows = 1;
	row->day = om_arena_strdup(a, "2026-11-23");
	row->user = om_arena_strdup(a, "u-1");
	row->user_name = om_arena_strdup(a, "Ada \"<b>\"");
	row->figures = figures(a);
	u->total = figures(a);
	u->group_by = q->group_by;
	u->n_group_by = q->n_group_by;
	rep->usage = u;
	rep->body_case = OM__REPLY__BODY_USAGE;
	return OM_OK;
}

static char **
one_text(struct om_arena *a, const char *text)
{
	char **list = om_arena_alloc(a, sizeof *list);

	list[0] = om_arena_strdup(a, text);
	return list;
}

/* part is a row with everything that only some have. */
static Om__Generation *
part(const char *id, struct om_arena *a)
{
	Om__Generation *one = om_msg_new(a, &om__generation__descriptor);

	one->generation_id = om_arena_strdup(a, id);
	one->user = om_arena_strdup(a, "u-1");
	one->day = om_arena_strdup(a, "2026-11-23");
	one->platform = om_arena_strdup(a, "openrouter");
	one->marks = one_text(a, "matched");
	one->has_requests = one->has_unsettled = one->unsettled = 1;
	one->other_id = om_arena_strdup(a, "gen-other");
	one->part_of = one_text(a, "gen-1");
	one->n_marks = one->n_part_of = 1;
	return one;
}

static om_status
generation(const Om__GenerationQuery *q, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__GenerationReply *g = om_msg_new(a, &om__generation_reply__descriptor);
	Om__Record *r = om_msg_new(a, &om__record__descriptor);

	if (strcmp(q->generation_id, "owui:a/b") != 0)
		return om_fail(e, OM_NOT_FOUND, "no such generation");
	g->timezone = om_arena_strdup(a, "UTC");
	g->generation = part(q->generation_id, a);
	g->records = om_arena_alloc(a, sizeof(void *));
	g->records[g->n_records++] = r;
	r->user = om_msg_new(a, &om__user__descriptor);
	r->user->id = om_arena_strdup(a, "u-1");
	r->turn_id = om_arena_strdup(a, "a/b");
	r->platform = om_arena_strdup(a, "openrouter");
	r->has_request = 1;
	r->request = 2;
	rep->generation = g;
	rep->body_case = OM__REPLY__BODY_GENERATION;
	return OM_OK;
}

static om_status
unpair(const Om__UnpairQuery *q, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	if (strcmp(q->generation_id, "owui:a/b") != 0)
		return om_fail(e, OM_CONFLICT, "it is not paired");
	rep->unpair = om_msg_new(a, &om__unpair_reply__descriptor);
	rep->unpair->unpaired = one_text(a, q->generation_id);
	rep->unpair->n_unpaired = 1;
	rep->body_case = OM__REPLY__BODY_UNPAIR;
	return OM_OK;
}

static om_status
generations(const Om__GenerationsQuery *q, struct om_arena *a, Om__Reply *rep)
{
	Om__GenerationsReply *g = om_msg_new(a, &om__generations_reply__descriptor);

	g->timezone = om_arena_strdup(a, "UTC");
	g->n_items = q->limit;
	g->items = om_arena_array(a, q->limit, sizeof(void *));
	for (size_t i = 0; i < g->n_items; i++) {
		Om__Generation *one = om_msg_new(a, &om__generation__descriptor);

		one->generation_id = om_arena_printf(a, "gen-%zu", i);
		one->user = om_arena_strdup(a, "u-1");
		one->day = om_arena_strdup(a, "2026-11-23");
		one->started_us = 1795452001120000;
		one->state = OM__STATE__STATE_FINAL;
		one->cost_state = OM__COST_STATE__COST_LOOKED_UP;
		if (q->filter != NULL && q->filter->platform != NULL)
			one->platform = om_arena_printf(a, "asked for \"%s\"", q->filter->platform);
		g->items[i] = one;
	}
	rep->generations = g;
	rep->body_case = OM__REPLY__BODY_GENERATIONS;
	return OM_OK;
}

static om_status
user(const Om__UserQuery *q, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	if (strcmp(q->id, "a/b") != 0)
		return om_fail(e, OM_NOT_FOUND, "no such user");
	rep->user = om_msg_new(a, &om__user_reply__descriptor);
	rep->user->user = om_msg_new(a, &om__user__descriptor);
	rep->user->user->id = om_arena_strdup(a, "a/b");
	rep->body_case = OM__REPLY__BODY_USER;
	return OM_OK;
}

static om_status
users(struct om_arena *a, Om__Reply *rep)
{
	Om__UsersReply *u = om_msg_new(a, &om__users_reply__descriptor);
	Om__User *one = om_msg_new(a, &om__user__descriptor);

	one->id = om_arena_strdup(a, "a/b");
	u->items = om_arena_alloc(a, sizeof(void *));
	u->items[0] = one;
	u->n_items = 1;
	rep->users = u;
	rep->body_case = OM__REPLY__BODY_USERS;
	return OM_OK;
}

static om_status
handle(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	(void)deadline_ms;
	switch (req->body_case) {
	case OM__REQUEST__BODY_SUBMIT:
		return submit(arg, req->submit, a, rep, e);
	case OM__REQUEST__BODY_USAGE:
		return usage(req->usage, a, rep);
	case OM__REQUEST__BODY_GENERATIONS:
		return generations(req->generations, a, rep);
	case OM__REQUEST__BODY_GENERATION:
		return generation(req->generation, a, rep, e);
	case OM__REQUEST__BODY_UNPAIR:
		return unpair(req->unpair, a, rep, e);
	case OM__REQUEST__BODY_USERS:
		return users(a, rep);
	case OM__REQUEST__BODY_USER:
		return user(req->user, a, rep, e);
	case OM__REQUEST__BODY_STATUS:
		rep->status_reply = om_msg_new(a, &om__status_reply__descriptor);
		rep->status_reply->version = om_arena_strdup(a, "1");
		rep->status_reply->timezone = om_arena_strdup(a, "Europe/Berlin");
		rep->status_reply->has_database_ok = 1;
		rep->status_reply->database_ok = 1;
		rep->body_case = OM__REPLY__BODY_STATUS_REPLY;
		return OM_OK;
	case OM__REQUEST__BODY_METRICS:
		rep->metrics = om_msg_new(a, &om__metrics_reply__descriptor);
		rep->metrics->text = om_arena_strdup(a,
		    "# HELP costd_x X.\n# TYPE costd_x counter\ncostd_x 1\n"
		    "# HELP owui_metering_costd_up Not ours.\n# TYPE owui_metering_costd_up "
		    "gauge\nowui_metering_costd_up 77\n");
		rep->body_case = OM__REPLY__BODY_METRICS;
		return OM_OK;
	default:
		return om_fail(e, OM_STORE, "the fixture does not know that");
	}
}

void
fx_costd_start(struct fx_costd *c, const char *url)
{
	struct om_wire_server_opts o = {
	    .urls = url, .workers = 16, .arena_bytes = 64u << 20, .handler = handle, .arg = c};
	om_err e = {.text = ""};

	*c = (struct fx_costd){.mode = FX_HONEST};
	(void)pthread_mutex_init(&c->lock, NULL);
	assert_status(om_wire_server_open(&o, &c->server, &e), OM_OK, e);
}

void
fx_costd_stop(struct fx_costd *c)
{
	atomic_store(&c->mode, FX_HONEST);
	om_wire_server_close(&c->server);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->ids);
	c->ids = NULL;
}

size_t
fx_costd_booked(struct fx_costd *c)
{
	size_t n;

	(void)pthread_mutex_lock(&c->lock);
	n = c->n_ids;
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

size_t
fx_costd_size(struct fx_costd *c, int batch)
{
	size_t n;

	assert_in_range(batch, 0, FX_SIZES - 1);
	(void)pthread_mutex_lock(&c->lock);
	n = c->sizes[batch];
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

/* ---- gateway ---- */

static char *
copy(const char *text)
{
	char *p = strdup(text);

	assert_non_null(p);
	return p;
}

void
fx_gateway_start(struct fx_gateway *g, const char *costd_url)
{
	om_err e = {.text = ""};
	void *self = NULL;

	if (g->dir == NULL)
		g->dir = fx_dir_make();
	g->conf = (struct gw_conf){
	    .bind_address = copy("127.0.0.1"),
	    .http_threads = 4,
	    .body_timeout_s = g->body_timeout_s != 0 ? g->body_timeout_s : 120,
	    .api_key = copy(FX_INGEST_KEY),
	    .read_api_key = copy(FX_READ_KEY),
	    .password_hash = copy(FX_HASH),
	    .jwt_secret = copy(FX_SECRET),
	    .session_lifetime_s = 3600,
	    .cookie_secure = copy("auto"),
	    .trusted_proxies = copy("127.0.0.1"),
	    .spool_dir = copy(g->dir),
	    .spool_limit_bytes = g->spool_limit_bytes != 0 ? g->spool_limit_bytes : 64 << 20,
	    .costd_url = copy(costd_url != NULL ? costd_url : "tcp://127.0.0.1:9"),
	    .reportd_url = copy(g->reportd_url != NULL ? g->reportd_url : "tcp://127.0.0.1:9"),
	    .log_level = copy("error"),
	};
	assert_status(gw_app_start(&g->conf, &self, &e), OM_OK, e);
	g->app = self;
	g->port = gw_http_port(g->app->http);
}

void
fx_gateway_stop(struct fx_gateway *g)
{
	gw_app_stop(g->app);
	om_conf_fini(gw_conf_table, GW_CONF_SETTINGS, &g->conf);
	g->app = NULL;
}

/* ---- HTTP ---- */

int
fx_connect(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

void
fx_send(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the server had enough */
		p += sent;
		n -= (size_t)sent;
	}
}

/* receive reads until the end of the connection or until `last` has come, if it is not NULL. */
static char *
receive(int fd, const char *last)
{
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;
	size_t n = 0, cap = (size_t)4 << 20;
	char *text = malloc(cap);

	assert_non_null(text);
	text[0] = '\0';
	while (last == NULL || strstr(text, last) == NULL) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until - om_mono_ms();
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			fail_msg("the reply did not end:\n%s", text);
		got = recv(fd, text + n, last != NULL ? 1 : cap - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
	}
	return text;
}

char *
fx_receive(int fd)
{
	return receive(fd, NULL);
}

char *
fx_receive_head(int fd)
{
	return receive(fd, "\r\n\r\n");
}

char *
fx_ask(int port, const char *text)
{
	int fd = fx_connect(port);
	char *reply;

	fx_send(fd, text, strlen(text));
	(void)shutdown(fd, SHUT_WR); /* the last request: the server closes behind its answer */
	reply = fx_receive(fd);
	(void)close(fd);
	return reply;
}

char *
fx_request(int port, const char *method, const char *path, const char *extra, const char *body)
{
	size_t n = body != NULL ? strlen(body) : 0, cap = n + strlen(extra) + strlen(path) + 512;
	char *text = malloc(cap), *reply;

	assert_non_null(text);
	if (body != NULL)
		(void)snprintf(text, cap,
		    "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", method,
		    path, extra, n, body);
	else
		(void)snprintf(
		    text, cap, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, path, extra);
	reply = fx_ask(port, text);
	free(text);
	return reply;
}

int
fx_status(const char *reply)
{
	return strncmp(reply, "HTTP/1.1 ", 9) == 0 ? (int)strtol(reply + 9, NULL, 10) : -1;
}

const char *
fx_body(const char *reply)
{
	const char *p = strstr(reply, "\r\n\r\n");

	return p != NULL ? p + 4 : "";
}

const char *
fx_header(const char *reply, const char *name, char out[512])
{
	const char *end = strstr(reply, "\r\n\r\n"), *p = reply;
	size_t n = strlen(name);

	out[0] = '\0';
	while (end != NULL && p < end && (p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		p += n + 1;
		p += strspn(p, " ");
		(void)snprintf(out, 512, "%.*s", (int)strcspn(p, "\r"), p);
		return out;
	}
	return out;
}

char *
fx_login(int port, char out[600])
{
	char v[512], *reply = fx_request(port, "POST", "/api/v1/login", FX_JSON, "{\"password\":\"" FX_PASSWORD "\"}");

	assert_int_equal(fx_status(reply), 200);
	(void)fx_header(reply, "Set-Cookie", v);
	(void)snprintf(out, 600, "Cookie: %.*s\r\n", (int)strcspn(v, ";"), v);
	free(reply);
	return out;
}
