/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * load - one thread that keeps N connections busy, each with one request at a
 * time, and counts what comes back.
 *
 *   load PORT CONNECTIONS SECONDS get PATH
 *   load PORT CONNECTIONS SECONDS event    with the ingest key in $API_KEY
 *
 * Every event is a record of a generation of its own.  Prints one line of JSON;
 * times in microseconds, from the request's first byte sent to the reply's last
 * byte read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define REQUEST_BYTES   2048
#define REPLY_BYTES     65536
#define BUCKETS         4096 /* of latency: 64 per power of two */

struct link {
	int fd;
	char out[REQUEST_BYTES];
	size_t n_out, sent;
	char in[REPLY_BYTES];
	size_t n_in;
	int64_t begun_us;
};

static struct {
	struct sockaddr_in to;
	const char *path; /* NULL: events */
	const char *key;
	int epoll;
	bool draining; /* no new requests */
	uint64_t run, number, replies, not_200, broken, connects;
	uint64_t buckets[BUCKETS];
	int64_t slowest_us;
} load;

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* bucket_of keeps 64 steps per power of two: an error below 2 %. */
static size_t
bucket_of(int64_t us)
{
	uint64_t v = us > 0 ? (uint64_t)us : 0;
	size_t shift = 0;

	while ((v >> shift) >= 128)
		shift++;
	if (shift == 0)
		return (size_t)v;
	return 64 * shift + (size_t)(v >> shift);
}

static int64_t
bucket_us(size_t b)
{
	return b < 128 ? (int64_t)b : (int64_t)((uint64_t)(64 + b % 64) << (b / 64 - 1));
}

static int64_t
quantile(uint64_t per_thousand)
{
	uint64_t seen = 0, want = load.replies * per_thousand / 1000;

	for (size_t b = 0; b < BUCKETS; b++)
		if ((seen += load.buckets[b]) > want)
			return bucket_us(b);
	return load.slowest_us;
}

static void
write_request(struct link *l)
{
	char body[1024];
	int n;

	if (load.path != NULL) {
		n = snprintf(l->out, sizeof l->out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", load.path);
	} else {
		int len = snprintf(body, sizeof body,
		    "{\"v\":1,\"record_id\":\"0190f6d2-0000-7000-%04llx-%012llx\",\"generation_id\":\"gen-%llx-%llu\","
		    "\"state\":\"final\",\"source\":\"filter-stream\","
		    "\"chat_id\":\"5b0c7e1a-0f7e-4b7e-9d2f-1f4e6a2b9c11\",\"user\":{\"id\":\"u-%llu\",\"name\":\"Ada\","
		    "\"email\":\"ada@example.org\",\"role\":\"user\"},\"model\":\"anthropic/claude-haiku-4.5\","
		    "\"provider\":\"Amazon Bedrock\",\"usage\":{\"prompt_tokens\":3120,\"completion_tokens\":412,"
		    "\"cost\":0.0033368,\"is_byok\":false,\"prompt_tokens_details\":{\"cached_tokens\":2048}},"
		    "\"started_at\":\"2026-11-20T10:00:00.120Z\",\"finished_at\":\"2026-11-20T10:00:03.900Z\"}",
		    (unsigned long long)load.run & 0xffff, (unsigned long long)load.number,
		    (unsigned long long)load.run, (unsigned long long)load.number,
		    (unsigned long long)(load.number % 200));

		load.number++;
		n = snprintf(l->out, sizeof l->out,
		    "POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
		    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		    load.key, len, body);
	}
	l->n_out = n > 0 && (size_t)n < sizeof l->out ? (size_t)n : 0;
	l->sent = l->n_in = 0;
	l->begun_us = now_us();
}

static void
open_link(struct link *l)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = l};
	int one = 1;

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&load.to, sizeof load.to) != 0)
		die("connect");
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)fcntl(l->fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, l->fd, &ev) != 0)
		die("epoll");
	load.connects++;
}

static void
close_link(struct link *l)
{
	(void)close(l->fd);
	l->fd = -1;
}

/* begin sends the next request; requests are small, so that a socket takes one whole. */
static void
begin(struct link *l)
{
	if (l->fd < 0)
		open_link(l);
	write_request(l);
	if (send(l->fd, l->out, l->n_out, MSG_NOSIGNAL) != (ssize_t)l->n_out) {
		load.broken++;
		close_link(l);
	}
}

/* whole tells whether the reply has come to its end. */
static bool
whole(const struct link *l, bool *closes)
{
	const char *end = memmem(l->in, l->n_in, "\r\n\r\n", 4), *p;
	size_t body = 0;

	*closes = false;
	if (end == NULL)
		return false;
	for (p = l->in; p < end; p = (const char *)memchr(p, '\n', (size_t)(end + 2 - p)) + 1) {
		if (strncasecmp(p, "Content-Length:", 15) == 0)
			body = (size_t)strtoul(p + 15, NULL, 10);
		else if (strncasecmp(p, "Connection: close", 17) == 0)
			*closes = true;
	}
	return l->n_in >= (size_t)(end + 4 - l->in) + body;
}

static void
count(const struct link *l)
{
	int64_t us = now_us() - l->begun_us;
	size_t b = bucket_of(us);

	load.replies++;
	load.buckets[b < BUCKETS ? b : BUCKETS - 1]++;
	if (us > load.slowest_us)
		load.slowest_us = us;
	if (strncmp(l->in, "HTTP/1.1 200 ", 13) != 0)
		load.not_200++;
}

/* receive_some returns whether the link waits for no more. */
static bool
receive_some(struct link *l)
{
	ssize_t n = recv(l->fd, l->in + l->n_in, sizeof l->in - l->n_in, 0);
	bool closes;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		load.broken++;
		close_link(l);
		return true;
	}
	l->n_in += (size_t)n;
	if (!whole(l, &closes))
		return false;
	count(l);
	if (closes)
		close_link(l);
	return true;
}

int
main(int argc, char **argv)
{
	static struct link links[MAX_CONNECTIONS];
	struct epoll_event events[64];
	size_t n_links, busy;
	int64_t start, stop;

	if (argc < 5 || (strcmp(argv[4], "get") == 0 && argc < 6)) {
		(void)fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS get PATH | event\n");
		return 2;
	}
	load.to.sin_family = AF_INET;
	load.to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	load.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	n_links = strtoul(argv[2], NULL, 10);
	if (n_links == 0 || n_links > MAX_CONNECTIONS)
		n_links = 1;
	load.path = strcmp(argv[4], "get") == 0 ? argv[5] : NULL;
	load.key = getenv("API_KEY") != NULL ? getenv("API_KEY") : "";
	load.run = (uint64_t)now_us();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	start = now_us();
	stop = start + (int64_t)(strtoul(argv[3], NULL, 10) * 1000000);
	busy = n_links;
	for (size_t i = 0; i < n_links; i++) {
		links[i].fd = -1;
		begin(&links[i]);
	}
	while (busy > 0) {
		int n = epoll_wait(load.epoll, events, 64, 1000);

		load.draining = load.draining || now_us() >= stop;
		if (n <= 0 && load.draining)
			break;
		for (int i = 0; i < n; i++) {
			struct link *l = events[i].data.ptr;

			if (l->fd < 0 || !receive_some(l))
				continue;
			if (load.draining)
				busy--;
			else
				begin(l);
		}
	}
	(void)printf(
	    "{\"connections\":%zu,\"seconds\":%.3f,\"replies\":%llu,\"not_200\":%llu,\"broken\":%llu,\"connects\":%llu,"
	    "\"per_second\":%.1f,\"p50_us\":%lld,\"p99_us\":%lld,\"max_us\":%lld}\n",
	    n_links, (double)(now_us() - start) / 1e6, (unsigned long long)load.replies,
	    (unsigned long long)load.not_200, (unsigned long long)load.broken, (unsigned long long)load.connects,
	    (double)load.replies * 1e6 / (double)(now_us() - start), (long long)quantile(500), (long long)quantile(990),
	    (long long)load.slowest_us);
	return 0;
}
