/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pair.h - which rows are one call.
 */
#ifndef CD_PAIR_H
#define CD_PAIR_H

/* How two rows were found to be one call; stored, so never renumbered. */
typedef enum cd_link {
	CD_LINK_NONE = 0,
	CD_LINK_TAG = 1,    /* a turn, message or request number says so */
	CD_LINK_MATCHED = 2 /* the same tokens at the same time, one for one */
} cd_link;

#endif
