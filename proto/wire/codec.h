/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * codec.h - messages of proto/messages in and out of bytes.
 *
 * Promise   Decoding is total: any bytes give a message or OM_PROTOCOL, within
 *           the arena's ceiling.
 * Defaults  An optional field with a default is one that is always sent: the maker of a
 *           message sets the field alone, and packing sets its has_; its reader looks
 *           at the field alone, which has the default if the peer left it out.
 *           A field without a default may be absent, and its has_, or NULL, says so;
 *           a message in a message is NULL then.
 * Owner     Messages live in the arena.
 */
#ifndef OM_CODEC_H
#define OM_CODEC_H

#include "base/arena.h"
#include "base/buf.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* What records say that gateway and costd must read alike. */
#define OM_SOURCE_OTLP  "otlp"    /* a record made from a trace */
#define OM_USER_UNKNOWN "unknown" /* the path did not say who; any other user wins */

/* om_msg_new gives an initialised message of this kind, NULL when the arena is
 * full:  Om__UsageRow *r = om_msg_new(a, &om__usage_row__descriptor); */
void *om_msg_new(struct om_arena *a, const ProtobufCMessageDescriptor *kind);

/* om_msg_unpack gives a message of this kind in *out, NULL on failure. */
om_status om_msg_unpack(const ProtobufCMessageDescriptor *kind, const void *data, size_t n, struct om_arena *a,
    void *out, om_err *e) OM_MUST;

/* om_msg_ready sets has_ of all that is always told, in the messages within it too.
 * What packs a message in another way than om_msg_pack calls it first. */
void om_msg_ready(ProtobufCMessage *m);

/* om_msg_pack makes the message ready and appends it. */
void om_msg_pack(ProtobufCMessage *m, struct om_buf *out);

/* om_msg_has: OM_PROTOCOL says that the peer left out a message that the caller cannot
 * do without: part is NULL.  what: "total". */
om_status om_msg_has(const void *part, const char *what, om_err *e) OM_MUST;

#endif
