/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * read.h - the read calls that are more than one question and its reply (calls.def).
 *
 * Does      Gives one user, merges users, and streams new records.
 * Owns      Nothing.
 * Promises  Every reply is in openapi.yaml.
 * Never     Keeps anything.
 */
#ifndef GW_READ_H
#define GW_READ_H

#include "http/handler.h"

gw_handler gw_user_show;    /* user.c: GET /user/{} */
gw_handler gw_user_merge;   /* user.c: POST /user/{}/merge */
gw_handler gw_user_unmerge; /* user.c: POST /user/{}/unmerge */
gw_handler gw_live_follow;  /* live.c: GET /live */

#endif
