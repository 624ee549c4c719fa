/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * statement_fixture.h - documents that every format is to write: empty, small, wide, in many
 * scripts, and cut off.
 */
#ifndef RD_STATEMENT_FIXTURE_H
#define RD_STATEMENT_FIXTURE_H

#include "fixture.h"

#include "document/doc.h"

#define FX_SHAPES 5
extern const struct fx_shape fx_shapes[FX_SHAPES];

/* fx_statement makes the document of such a reply, in the arena; aborts the test program when
 * it cannot. */
const struct rd_doc *fx_statement(struct om_arena *a, const struct fx_shape *shape);

#endif
