/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * number.h - the numbers and verification codes of documents, as text.
 *
 * Threads   Pure functions, but for cd_code_make, which any thread may call.
 */
#ifndef CD_NUMBER_H
#define CD_NUMBER_H

#include "base/status.h"

#include <stdbool.h>

#define CD_CODE   16u /* characters of a verification code: 80 bits */
#define CD_NUMBER 24u /* bytes that hold any number as text */

struct cd_number {
	int year, seq;
};

/* cd_number_parse reads "2026-000012" and nothing else. */
bool cd_number_parse(const char *text, struct cd_number *out);
const char *cd_number_text(struct cd_number n, char buf[CD_NUMBER]);

/* cd_code_read normalises a code as people type it: any case, dashes and spaces
 * anywhere, O for 0, I and L for 1. */
bool cd_code_read(const char *typed, char out[CD_CODE + 1]);

/* cd_code_make draws a new one. */
om_status cd_code_make(char out[CD_CODE + 1], om_err *e) OM_MUST;

#endif
