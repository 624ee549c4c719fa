/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * names.h - values of the messages' enums as people and programs write them.
 *
 * Shape     A value's name is its name in the .proto file in lower case, without what all
 *           values of its enum begin with: COST_LOOKED_UP is "looked_up".
 * Threads   Pure functions of the descriptors.
 */
#ifndef GW_NAMES_H
#define GW_NAMES_H

#include "wire/codec.h"

#include <stdbool.h>

#define GW_NAME 40 /* bytes that hold any value's name */

/* gw_enum_name gives the name in buf; a value that this gateway does not know has the
 * name of the lowest. */
const char *gw_enum_name(const ProtobufCEnumDescriptor *d, int value, char buf[GW_NAME]);

/* gw_enum_find finds the value with that name of n bytes; false: there is none. */
bool gw_enum_find(const ProtobufCEnumDescriptor *d, const char *name, size_t n, int *out);

/* gw_enum_read reads a member that is one of the enum's names, or OM_INVALID with all of
 * them: "tap: must be off, on or does_not_fit".  end follows that text. */
om_status gw_enum_read(const ProtobufCEnumDescriptor *d, const char *member, const char *name, size_t n,
    const char *end, int *out, om_err *e) OM_MUST;

#endif
