/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * storable.h - what the gateway accepts, costd must be able to store.
 */
#ifndef FUZZ_STORABLE_H
#define FUZZ_STORABLE_H

#include "spool/batch.h"

void must_be_storable(const struct gw_batch *b);

#endif
