/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * wire.h - requests and replies between the services, over nng.
 *
 * Shape     Request and Reply of messages/envelope.proto, one REQ/REP exchange each.
 * URLs      One or several, separated by commas: tcp://host:port, or
 *           tls+tcp://host:port with both sides authenticated.  A client
 *           connects to all and uses the first that takes the request.  ipc:// is
 *           refused: nng 1.5's listener can stop accepting for good
 *           (nanomsg/nng#1518).
 * Failure   OM_UNAVAILABLE: no peer took the request, or the one that took it
 *           went away.  OM_TIMEOUT: a peer took it and did not answer in time.
 *           Both ways it may have been carried out, and the caller may ask
 *           again: every handler must allow for that.  OM_VERSION: the peer is
 *           older or newer; the message says which of the two is to be updated.
 * Callers   A frame ends with a MAC under the key of the caller, and names a nonce of
 *           its connection, so that no other program of the host can ask, answer or
 *           repeat what it recorded (mac.h, callers.h).
 * Threads   All calls from any thread.
 *
 * What nng 1.5.2 (Debian 12) does wrong and how this code stays clear of it:
 *   - closing a REQ socket after a time-out can hang (#1543): client sockets
 *     are never closed; services end with _exit().
 *   - receiving before the send has finished can crash (#1702): the receive
 *     begins when the send has ended, one thread per socket.
 *   - a send waits until its time-out even when there is no peer: sending and
 *     receiving are asynchronous and cut short when there is no connection.
 *   - RECVMAXSZ is unlimited by default: set on both sides; larger requests
 *     are refused before they are sent.
 *   - a request is sent again every 60 s by default: switched off; it then
 *     ends with NNG_ECONNRESET when its connection breaks.
 *   - nng's threads do not survive a fork: nothing forks after the first call.
 */
#ifndef OM_WIRE_H
#define OM_WIRE_H

#include "codec.h"
#include "envelope.pb-c.h"
#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define OM_WIRE_VERSION   2u
#define OM_WIRE_MAX_BYTES ((size_t)64 * 1024 * 1024) /* of one message */
#define OM_WIRE_MAX_URLS  8

/* Paths of PEM files; all three for tls+tcp, otherwise NULL. */
struct om_wire_tls {
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
};

/* om_wire_urls_check says whether a list of URLs can be used; fits om_conf_opt.check. */
om_status om_wire_urls_check(const char *urls, om_err *e) OM_MUST;

/* Who asks; each has a key of its own.  Sets of them say who may ask what. */
typedef enum om_caller { OM_CALLER_GATEWAY = 1, OM_CALLER_REPORTD = 2 } om_caller;
#define OM_CALLER_ANY ((unsigned)(OM_CALLER_GATEWAY | OM_CALLER_REPORTD))

/* ---- client ---- */

struct om_wire_client;

struct om_wire_client_opts {
	const char *peer; /* its name for messages: "costd" */
	const char *urls;
	struct om_wire_tls tls;
	unsigned sockets; /* requests under way at once, at most */
	om_caller self;
	const char *key;   /* borrowed for as long as the client is; NULL: neither side proves itself */
	bool allow_no_mac; /* takes replies without a MAC too: the peer is of an older version */
};

/* om_wire_client_open starts to connect and returns at once. */
om_status om_wire_client_open(const struct om_wire_client_opts *o, struct om_wire_client **out, om_err *e) OM_MUST;

/* om_wire_client_free gives the memory back; the sockets stay until exit. No
 * call may be under way. */
void om_wire_client_free(struct om_wire_client **c);

/* om_wire_connected tells how many connections stand. */
unsigned om_wire_connected(const struct om_wire_client *c);

/* om_wire_call sends the request and waits for the reply, together not longer
 * than deadline_ms.  Version, request id (the thread's, see log.h, or a new
 * one) and deadline are filled in.  A reply with a failing status is returned
 * as that status with the peer's message in e.  *reply_out lives in the arena. */
om_status om_wire_call(struct om_wire_client *c, Om__Request *req, int deadline_ms, struct om_arena *a,
    Om__Reply **reply_out, om_err *e) OM_MUST;

/* om_wire_client_hurry has every call, those under way too, end within so many
 * ms, with OM_UNAVAILABLE: a service that stops does not wait for a peer that hangs. */
void om_wire_client_hurry(struct om_wire_client *c, int ms);

/* What says whether a thread's calls are still wanted; asked a few times a
 * second while one waits, with a lock held: it must not wait itself. */
struct om_wire_watch {
	bool (*go_on)(void *arg); /* NULL: they are */
	void *arg;
};

/* om_wire_watch sets it for the calling thread and returns the one before.  A
 * call that is not wanted any more ends with OM_UNAVAILABLE. */
struct om_wire_watch om_wire_watch(struct om_wire_watch w);

/* ---- server ---- */

struct om_wire_server;

/* A handler fills rep->body_case and its member from the arena, or returns a
 * failing status with its reason in e.  deadline_ms is a monotonic instant
 * (om_mono_ms).  Runs on a worker thread, whose request id is set. */
typedef om_status om_wire_handler(
    void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e);

struct om_wire_server_opts {
	const char *urls;
	struct om_wire_tls tls;
	unsigned workers;
	size_t arena_bytes; /* memory one request may take */
	om_wire_handler *handler;
	void *arg; /* borrowed */
	/* The callers' keys, borrowed for as long as the server is; both NULL: whoever connects may ask. */
	const char *gateway_key, *reportd_key;
	bool allow_no_mac; /* takes requests without a MAC too: the callers are of an older version */
	/* may gives the set of callers that may ask this; NULL: all may. */
	unsigned (*may)(const Om__Request *req);
};

om_status om_wire_server_open(const struct om_wire_server_opts *o, struct om_wire_server **out, om_err *e) OM_MUST;

/* om_wire_server_url returns the i-th URL as bound: port 0 replaced by the
 * port in use.  NULL beyond the last. */
const char *om_wire_server_url(const struct om_wire_server *s, unsigned i);

/* om_wire_server_close answers what is under way, then ends the workers. */
void om_wire_server_close(struct om_wire_server **s);

#endif
