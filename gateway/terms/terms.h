/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * terms.h - changes of the terms of months; their list is a row of calls.def.
 *
 * Does      Reads a change and hands it to costd, which keeps terms and says what is wrong.
 * Owns      Nothing.
 * Promises  A member that it does not know is refused: it would leave an amount as it was.
 * Never     Uses what terms charge.
 */
#ifndef GW_TERMS_H
#define GW_TERMS_H

#include "http/handler.h"

gw_handler gw_terms_change; /* PUT /terms */

#endif
