/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * reply.h - a reply whose body is JSON.
 */
#ifndef GW_ANSWER_REPLY_H
#define GW_ANSWER_REPLY_H

#include "message.h"
#include "http/request.h"

/* gw_reply_json makes the body JSON; the writer begins with its first value. */
struct om_jw gw_reply_json(struct gw_reply *rp);

/* gw_reply_message makes the body that message. */
void gw_reply_message(struct gw_reply *rp, const ProtobufCMessage *m);

/* Members of an object that is open. */
void gw_write_open(struct om_jw *w, const char *key, char bracket); /* om_jw_close ends it */
void gw_write_text(struct om_jw *w, const char *key, const char *text);
void gw_write_int(struct om_jw *w, const char *key, int64_t v);
void gw_write_bool(struct om_jw *w, const char *key, bool v);
void gw_write_null(struct om_jw *w, const char *key);
/* 0 is no instant: null. */
void gw_write_time(struct om_jw *w, const char *key, om_time t);

#endif
