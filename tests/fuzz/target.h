/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * target.h - what the fuzz targets share.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define FUZZ_NOW ((int64_t)1795452001 * 1000000) /* 2026-11-23T16:40:01Z */

/* must ends the program where a promise is broken; the input is kept. */
#define must(what) ((what) ? (void)0 : abort())

#endif
