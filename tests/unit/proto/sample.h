/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sample.h - messages with every field set, and the same with one left out, as a
 * peer of another version sends them.
 *
 * Failure   Without memory the test program ends.
 */
#ifndef OM_SAMPLE_H
#define OM_SAMPLE_H

#include "wire/codec.h"

#include <stdbool.h>
#include <stddef.h>

/* sample_make gives a message of this kind in which every field is set, each list has
 * one element and each oneof its first. */
void *sample_make(const ProtobufCMessageDescriptor *kind, struct om_arena *a);

/* sample_reply makes the reply body of this number the reply's; false: there is none. */
bool sample_reply(ProtobufCMessage *reply, unsigned body, struct om_arena *a);

/* sample_strip leaves out one field that the message, or one within it, does not
 * require: the k-th, from 0.  A receiver has what a field has then that was not sent.
 * false: there are not so many. */
bool sample_strip(ProtobufCMessage *m, size_t k);

#endif
