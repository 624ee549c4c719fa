/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * figures.h - the figures of an issued document, a packed StatementReply, as they are kept: with
 * persons' numbers in place of their ids.
 *
 * Shape     "#7" is the person of number 7; "=x" is the id x of somebody who has none.  What is
 *           printed of a person (the name, the address) is part of the document and stays.
 * Owner     Results live in the arena.
 * Failure   As db.h; OM_DAMAGED: these are no figures.
 */
#ifndef CD_NAMES_FIGURES_H
#define CD_NAMES_FIGURES_H

#include "names.h"

#include <protobuf-c/protobuf-c.h>

om_status cd_figures_hide(
    struct cd_db *db, ProtobufCBinaryData in, struct om_arena *a, ProtobufCBinaryData *out, om_err *e) OM_MUST;
om_status cd_figures_show(
    struct cd_db *db, ProtobufCBinaryData in, struct om_arena *a, ProtobufCBinaryData *out, om_err *e) OM_MUST;

#endif
