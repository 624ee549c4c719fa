/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * openwebui.h - the users and groups of an Open WebUI, asked for over its API.
 *
 * Shape     Users with their direct groups, groups with the one above.  What Open WebUI
 *           does not say is NULL.  Texts are as it sends them, but that bytes which no
 *           JSON may hold are mended (base/json.h); wire/fit.h says what fits.
 * Versions  Seen in 0.6.5, 0.6.36, 0.6.40, 0.6.43, 0.8.12, 0.11.4 and 0.12.4.  Users:
 *           /api/v1/users/all is all of them in one reply; without it (0.6.5)
 *           /api/v1/users/ is.  Groups: /api/v1/groups/ has them all, with their members'
 *           ids up to 0.6.36, with the group above from 0.12 on.  From 0.6.41 or so on
 *           /api/v1/groups/id/…/export has the members of one; in between they are known
 *           from the users' groups alone, which /api/v1/users/?page= tells.
 * Promise   A list is whole, or there is none: every reply was there and understood, as
 *           many users came as Open WebUI says that it has, and at least one.
 *           Reading is total: any bytes give a list or OM_PROTOCOL with what is wrong where,
 *           without a value of it.
 * Failure   OM_UNAVAILABLE  no reply, or another status than 200
 *           OM_PROTOCOL     as above
 *           OM_TOO_LARGE    more than this program takes
 * Owner     Results live in the arena.
 * Threads   As http.h; reading is pure.
 */
#ifndef CD_OPENWEBUI_H
#define CD_OPENWEBUI_H

#include "http.h"
#include "base/arena.h"

struct cd_ow_ids {
	const char **of;
	size_t n;
};

struct cd_ow_user {
	const char *id; /* "": none */
	const char *name, *email, *role;
	struct cd_ow_ids groups; /* direct ones, their ids */
};

struct cd_ow_group {
	const char *id, *name;
	const char *above; /* the id of the group above; NULL: none */
	bool tells_members;
	struct cd_ow_ids members; /* if it does: the users' ids */
	int64_t n_members;        /* -1: not said */
};

struct cd_ow_users {
	struct cd_ow_user *of;
	size_t n;
	int64_t total; /* how many Open WebUI has; -1: not said, by an array */
	bool is_page;  /* there may be more of them */
};

struct cd_ow_groups {
	struct cd_ow_group *of;
	size_t n;
};

struct cd_ow_list {
	struct cd_ow_users users;   /* ascending by id, each once */
	struct cd_ow_groups groups; /* likewise */
};

/* cd_ow_fetch asks for the whole list; it takes until the deadline (monotonic milliseconds) at
 * most. */
om_status cd_ow_fetch(
    struct cd_http *h, int64_t deadline_ms, struct om_arena *a, struct cd_ow_list *out, om_err *e) OM_MUST;

/* cd_ow_group_find gives the group with this id; NULL: there is none. */
const struct cd_ow_group *cd_ow_group_find(const struct cd_ow_groups *sorted, const char *id);

/* The replies, each by itself.  cd_ow_read_users: an object with "users" and "total", or an array.
 * cd_ow_read_groups: an array.  cd_ow_read_members: an object with "user_ids". */
om_status cd_ow_read_users(const char *body, size_t n, struct om_arena *a, struct cd_ow_users *out, om_err *e) OM_MUST;
om_status cd_ow_read_groups(
    const char *body, size_t n, struct om_arena *a, struct cd_ow_groups *out, om_err *e) OM_MUST;
om_status cd_ow_read_members(const char *body, size_t n, struct om_arena *a, struct cd_ow_ids *out, om_err *e) OM_MUST;

#endif
