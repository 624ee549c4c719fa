/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * codec.h - messages of proto/messages in and out of bytes.
 *
 * Promise   Decoding is total: any bytes give a message or OM_PROTOCOL, within
 *           the arena's ceiling.
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
#define OM_USER_UNKNOWN "unknown" /* the path did not say who; any other word wins */

/* om_msg_new gives an initialised message of this kind, NULL when the arena is
 * full:  Om__UsageRow *r = om_msg_new(a, &om__usage_row__descriptor); */
void *om_msg_new(struct om_arena *a, const ProtobufCMessageDescriptor *kind);

/* om_msg_unpack gives a message of this kind in *out, NULL on failure. */
om_status om_msg_unpack(const ProtobufCMessageDescriptor *kind, const void *data, size_t n, struct om_arena *a,
    void *out, om_err *e) OM_MUST;

/* om_msg_pack appends the packed message. */
void om_msg_pack(const ProtobufCMessage *m, struct om_buf *out);

#endif
