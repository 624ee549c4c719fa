/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * verify.h - is this workbook complete?
 *
 * Promise   Total: any bytes give an answer, in a little memory.
 */
#ifndef RD_VERIFY_H
#define RD_VERIFY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* rd_xlsx_verify unpacks every entry of the file, compares its checksum and
 * size, and wants of sheet i+1 that it ends as a sheet does and has rows[i]
 * rows.  OM_FULL when something is missing: a full disk is why. */
om_status rd_xlsx_verify(int fd, const uint32_t *rows, unsigned n_sheets, om_err *e) OM_MUST;

#endif
