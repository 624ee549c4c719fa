/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * http_fixture.h - a made-up HTTP server of the test's own on a free port of loopback.
 *
 * Threads   One test thread uses it; a thread of its own answers.
 */
#ifndef CD_HTTP_FIXTURE_H
#define CD_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fx_server;

struct fx_server *fx_server_open(void);
void fx_server_close(struct fx_server **s);
const char *fx_server_url(const struct fx_server *s);

/* fx_server_put answers this target, as it stands in the request line, from now on; type NULL: JSON.
 * What has no answer is 404. */
void fx_server_put(struct fx_server *s, const char *target, int status, const char *type, const char *body);
void fx_server_forget(struct fx_server *s);

/* fx_server_asked counts the requests for targets that begin so. */
unsigned fx_server_asked(struct fx_server *s, const char *target);
/* fx_server_last is the last request, up to its empty line. */
const char *fx_server_last(struct fx_server *s);

#endif
