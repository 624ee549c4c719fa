/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fixture.h - a folder, a costd that keeps books in memory and misbehaves on
 * order, a whole gateway, and a client that sends bytes.
 */
#ifndef GW_FIXTURE_H
#define GW_FIXTURE_H

#include "app.h"
#include "check.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define FX_INGEST_KEY "ingest-key-0123456789"
#define FX_READ_KEY   "read-key-0123456789"
#define FX_PASSWORD   "correct horse"
#define FX_HASH       "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$H6NTds/6rFeBVoVus53uFw"
#define FX_SECRET     "a-secret-for-tests-only-0123456789012345678901234567"

/* fx_dir_make gives an empty folder; fx_dir_remove deletes it with what is in it. */
char *fx_dir_make(void);
void fx_dir_remove(char **dir);

/* ---- costd ---- */

enum fx_mode {
	FX_HONEST,
	FX_REFUSES,       /* answers STORE */
	FX_TIMES_OUT,     /* books, and answers when this is no longer so */
	FX_OTHER_SPOOL,   /* answers about another spool */
	FX_OTHER_LAST,    /* answers about another batch */
	FX_WRONG_COUNT,   /* counts that do not add up */
	FX_OTHER_MESSAGE, /* answers another question */
};

#define FX_SIZES 64

struct fx_costd {
	struct om_wire_server *server;
	_Atomic int mode;
	atomic_int batches;
	pthread_mutex_t lock;
	size_t sizes[FX_SIZES];   /* lock; of the first batches */
	unsigned char (*ids)[16]; /* lock; records booked, each once */
	size_t n_ids, cap_ids;
	size_t n_duplicates;
	uint64_t last_seq; /* highest booked */
	bool out_of_order; /* a batch began below one booked before and was not the same */
};

void fx_costd_start(struct fx_costd *c, const char *url);
void fx_costd_stop(struct fx_costd *c);
size_t fx_costd_booked(struct fx_costd *c);
/* fx_costd_size is how many records the batch of that number had, from 0. */
size_t fx_costd_size(struct fx_costd *c, int batch);

/* ---- gateway ---- */

struct fx_gateway {
	char *dir;
	int64_t spool_limit_bytes; /* 0: plenty */
	int body_timeout_s;        /* 0: more than any test needs */
	const char *reportd_url;   /* borrowed; NULL: one that is not there */
	struct gw_conf conf;
	struct gw_app *app;
	int port;
};

/* fx_gateway_start: costd_url NULL for one that is not there. */
void fx_gateway_start(struct fx_gateway *g, const char *costd_url);
void fx_gateway_stop(struct fx_gateway *g);

/* ---- HTTP ---- */

#define FX_PATIENCE_MS 120000 /* a guard against hangs, not a measure */

/* fx_send connects and sends; the caller closes the socket. */
int fx_connect(int port);
void fx_send(int fd, const void *data, size_t n);
/* fx_receive gives all that comes until the end (free it); it fails after FX_PATIENCE_MS. */
char *fx_receive(int fd);
/* fx_receive_head gives what comes up to the first empty line, and nothing behind it. */
char *fx_receive_head(int fd);
/* fx_ask sends the text and gives the reply. */
char *fx_ask(int port, const char *text);
/* fx_request makes a request with usual headers; extra lines end in CRLF. */
char *fx_request(int port, const char *method, const char *path, const char *extra, const char *body);
int fx_status(const char *reply);
const char *fx_body(const char *reply);
/* fx_header copies a header's value, "" if absent. */
const char *fx_header(const char *reply, const char *name, char out[512]);

/* fx_login gives the header line of a new session. */
char *fx_login(int port, char out[600]);

#define FX_INGEST "Authorization: Bearer " FX_INGEST_KEY "\r\n"
#define FX_READ   "Authorization: Bearer " FX_READ_KEY "\r\n"
#define FX_JSON   "Content-Type: application/json\r\n"

#endif
