/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * kind.h - what has numbers.
 */
#ifndef CD_NAME_KIND_H
#define CD_NAME_KIND_H

typedef enum cd_name { CD_WORD, CD_GROUP_SET, CD_PERSON, CD_N_NAMES } cd_name;

#endif
