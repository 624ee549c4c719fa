/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES 8192
#define MOST_ANSWERS  32
#define MOST_ASKED    512

struct answer {
	char target[256], type[64];
	int status;
	char *body; /* owned */
};

struct fx_server {
	int fd;
	char url[64];
	pthread_t thread;
	pthread_mutex_t lock;
	struct answer answers[MOST_ANSWERS]; /* lock, as all below */
	size_t n_answers;
	char asked[MOST_ASKED][256];
	size_t n_asked;
	char last[REQUEST_BYTES], shown[REQUEST_BYTES];
};

static void
send_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		data += sent;
		n -= (size_t)sent;
	}
}

static void
answer(struct fx_server *s, int fd, const char *target)
{
	const struct answer none = {.status = 404, .type = "application/json", .body = NULL}, *a = &none;
	const char *body;
	char head[512];
	int n;

	for (size_t i = 0; i < s->n_answers; i++)
		if (strcmp(s->answers[i].target, target) == 0)
			a = &s->answers[i];
	body = a->body != NULL ? a->body : "{\"detail\":\"Not Found\"}";
	n = snprintf(head, sizeof head,
	    "HTTP/1.1 %d made up\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
	    "Location: /elsewhere\r\n\r\n",
	    a->status, a->type, strlen(body));
	send_all(fd, head, (size_t)n);
	send_all(fd, body, strlen(body));
}

static void
serve(struct fx_server *s, int fd)
{
	char request[REQUEST_BYTES] = "", target[256] = "";
	size_t n = 0;

	while (strstr(request, "\r\n\r\n") == NULL && n < sizeof request - 1) {
		ssize_t got = recv(fd, request + n, sizeof request - 1 - n, 0);

		if (got <= 0)
			return;
		n += (size_t)got;
		request[n] = '\0';
	}
	(void)sscanf(request, "GET %255s", target);
	(void)pthread_mutex_lock(&s->lock);
	(void)snprintf(s->last, sizeof s->last, "%s", request);
	if (s->n_asked < MOST_ASKED)
		(void)snprintf(s->asked[s->n_asked++], sizeof s->asked[0], "%s", target);
	answer(s, fd, target);
	(void)pthread_mutex_unlock(&s->lock);
}

static void *
work(void *arg)
{
	struct fx_server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		serve(s, fd);
		(void)shutdown(fd, SHUT_WR);
		(void)close(fd);
	}
	return NULL;
}

struct fx_server *
fx_server_open(void)
{
	struct fx_server *s = calloc(1, sizeof *s);
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t n = sizeof at;

	assert_non_null(s);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &n), 0);
	(void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
	(void)pthread_mutex_init(&s->lock, NULL);
	assert_int_equal(pthread_create(&s->thread, NULL, work, s), 0);
	return s;
}

void
fx_server_forget(struct fx_server *s)
{
	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_answers; i++)
		free(s->answers[i].body);
	s->n_answers = s->n_asked = 0;
	(void)pthread_mutex_unlock(&s->lock);
}

void
fx_server_close(struct fx_server **sp)
{
	struct fx_server *s = *sp;

	*sp = NULL;
	(void)shutdown(s->fd, SHUT_RDWR); /* ends accept */
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
	fx_server_forget(s);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *
fx_server_url(const struct fx_server *s)
{
	return s->url;
}

void
fx_server_put(struct fx_server *s, const char *target, int status, const char *type, const char *body)
{
	struct answer *a = NULL;

	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_answers; i++)
		if (strcmp(s->answers[i].target, target) == 0)
			a = &s->answers[i];
	if (a == NULL) {
		assert_true(s->n_answers < MOST_ANSWERS);
		a = &s->answers[s->n_answers++];
		a->body = NULL;
	}
	free(a->body);
	(void)snprintf(a->target, sizeof a->target, "%s", target);
	(void)snprintf(a->type, sizeof a->type, "%s", type != NULL ? type : "application/json");
	a->status = status;
	a->body = strdup(body);
	(void)pthread_mutex_unlock(&s->lock);
	assert_non_null(a->body);
}

unsigned
fx_server_asked(struct fx_server *s, const char *target)
{
	unsigned n = 0;

	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_asked; i++)
		n += strncmp(s->asked[i], target, strlen(target)) == 0 ? 1u : 0u;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

const char *
fx_server_last(struct fx_server *s)
{
	(void)pthread_mutex_lock(&s->lock);
	memcpy(s->shown, s->last, sizeof s->shown);
	(void)pthread_mutex_unlock(&s->lock);
	return s->shown;
}
