/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * group_set.h - the groups of a user as one text: a JSON array, ascending by
 * bytes, each group once.  Equal sets have equal texts, so that they can be
 * joined, compared and counted like any other value.
 *
 * Owner     Results live in the arena.
 * Threads   Pure functions.
 */
#ifndef CD_GROUP_SET_H
#define CD_GROUP_SET_H

#include "base/arena.h"

#include <stddef.h>

/* cd_group_set_text makes the text of n groups; empty names are left out, and
 * nothing left gives "" (no record said anything about groups).  NULL: the arena
 * is full. */
const char *cd_group_set_text(char *const *groups, size_t n, struct om_arena *a);

/* cd_group_set_read takes the text apart; no groups for NULL. */
om_status cd_group_set_read(
    const char *text, size_t n, char ***groups_out, size_t *n_out, struct om_arena *a, om_err *e) OM_MUST;

#endif
