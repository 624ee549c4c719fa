/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * message_in.h - members that are written by a function of their own; answer.def says where.
 *
 * Each writes key and value; m is the whole message.
 */
#ifndef GW_MESSAGE_IN_H
#define GW_MESSAGE_IN_H

#include "message.h"

typedef void gw_own_writer(struct om_jw *w, const void *m);

#define GW_RENAMED(message, field, key)
#define GW_LEFT_OUT(message, field)
#define GW_RAW(message, field)
#define GW_UUID(message, field)
#define GW_INLINE(message, field)
#define GW_NEEDED(message, field)
#define GW_OWN(message, field, writer) gw_own_writer writer;
#define GW_ADDED(message, writer)      gw_own_writer writer;
#define GW_CONSTANT(message, key, text)
#include "answer.def"

#endif
