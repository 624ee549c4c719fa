/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * digest.h - checksums, hashes and random bytes, from zlib, libcrypto and the
 * kernel.
 */
#ifndef OM_DIGEST_H
#define OM_DIGEST_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OM_SHA256 32

struct om_bytes {
	const void *data;
	size_t n;
};

/* om_sha256 hashes the parts one after the other. */
om_status om_sha256(const struct om_bytes *parts, size_t n_parts, unsigned char out[OM_SHA256]) OM_MUST;

/* om_hmac_sha256 authenticates the parts, one after the other, with a key. */
om_status om_hmac_sha256(
    const char *key, const struct om_bytes *parts, size_t n_parts, unsigned char out[OM_SHA256]) OM_MUST;

/* The same, piece by piece: om_hash_new gives NULL without memory; om_hash_done
 * writes the hash of all that was added, and frees it. */
struct om_hash;
struct om_hash *om_hash_new(void);
void om_hash_add(struct om_hash *h, const void *data, size_t n);
om_status om_hash_done(struct om_hash **h, unsigned char out[OM_SHA256]) OM_MUST;
void om_hash_free(struct om_hash **h);

/* om_crc32 continues the checksum `crc` (start with 0) over n bytes. */
uint32_t om_crc32(uint32_t crc, const void *data, size_t n);

/* om_random fills with bytes fit for keys; blocks only before the kernel's
 * generator is seeded. */
om_status om_random(void *out, size_t n, om_err *e) OM_MUST;

/* om_secret_equal compares in a time that depends on neither text's content. */
bool om_secret_equal(const char *a, const char *b);

/* om_bytes_equal compares n bytes in a time that does not depend on them. */
bool om_bytes_equal(const void *a, const void *b, size_t n);

/* om_secret_clear overwrites; the compiler does not drop it. */
void om_secret_clear(void *p, size_t n);

#endif
