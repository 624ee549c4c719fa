/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * known.h - the numbers that this process remembers.
 *
 * Threads   All calls from any thread.
 */
#ifndef CD_KNOWN_H
#define CD_KNOWN_H

#include "kind.h"

#include <stddef.h>
#include <stdint.h>

/* cd_known_find gives 0 for what is not remembered. */
int64_t cd_known_find(cd_name kind, const char *text, size_t n);

/* cd_known_keep remembers a number, if there is memory for it.  When there are very many, all are
 * forgotten first: they can be read again. */
void cd_known_keep(cd_name kind, const char *text, size_t n, int64_t number);

/* cd_known_most is the greatest number of a kind that is remembered; 0: none is. */
int64_t cd_known_most(cd_name kind);

void cd_known_forget(void);

#endif
