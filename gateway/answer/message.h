/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * message.h - the services' messages as JSON, written by their descriptors.
 *
 * Does      Writes any message as an object.  A member has the name of its field, and
 *             an absent optional field      null (with a [default]: the default)
 *             x_us, an integer              "x_at", an instant (RFC 3339)
 *             x_day, a 32-bit integer       "x", a day (YYYY-MM-DD)
 *             an enum                       its name (names.h); a value called NONE is null
 *             bytes                         hexadecimal digits
 *             a repeated field              an array
 *             a list of key and value       an object with these keys
 *             a message                     an object, null when absent
 *           answer.def lists what is different, and says why.
 * Owns      Nothing.
 * Promises  What is written holds to openapi.yaml as long as the message has what each of
 *           its kind has; one that lacks it fails the buffer with OM_UNAVAILABLE and is
 *           logged.
 * Never     Asks a peer, or uses who asked.
 * Threads   Pure but for the log.
 */
#ifndef GW_MESSAGE_H
#define GW_MESSAGE_H

#include "base/json.h"
#include "wire/codec.h"

/* gw_answer_message writes the message as an object. */
void gw_answer_message(struct om_jw *w, const ProtobufCMessage *m);

/* gw_answer_members writes the members into the object that is open. */
void gw_answer_members(struct om_jw *w, const ProtobufCMessage *m);

/* gw_answer_some writes the members of the fields that are named, each name followed by
 * a space, into the object that is open; every name is one of a field. */
void gw_answer_some(struct om_jw *w, const ProtobufCMessage *m, const char *fields);

/* gw_answer_list writes the member of a list of messages, and of each the fields that are named. */
void gw_answer_list(struct om_jw *w, const ProtobufCMessage *m, const char *list, const char *fields);

/* gw_answer_nulls writes null for each of these members: of a message that is not known. */
void gw_answer_nulls(struct om_jw *w, const ProtobufCMessageDescriptor *d, const char *fields);

#endif
