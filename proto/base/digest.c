/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zlib.h>

om_status
om_sha256(const struct om_bytes *parts, size_t n_parts, unsigned char out[OM_SHA256])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < n_parts; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].n) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		memset(out, 0, OM_SHA256);
	return ok ? OM_OK : OM_INTERNAL;
}

om_status
om_hmac_sha256(const char *key, const struct om_bytes *parts, size_t n_parts, unsigned char out[OM_SHA256])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, (const unsigned char *)key, strlen(key));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = OM_SHA256;
	bool ok = pkey != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1;

	for (size_t i = 0; ok && i < n_parts; i++)
		ok = EVP_DigestSignUpdate(ctx, parts[i].data, parts[i].n) == 1;
	ok = ok && EVP_DigestSignFinal(ctx, out, &n) == 1 && n == OM_SHA256;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	if (!ok)
		memset(out, 0, OM_SHA256);
	return ok ? OM_OK : OM_INTERNAL;
}

struct om_hash {
	EVP_MD_CTX *ctx; /* owned */
	bool ok;         /* sticky */
};

struct om_hash *
om_hash_new(void)
{
	struct om_hash *h = calloc(1, sizeof *h);

	if (h == NULL)
		return NULL;
	h->ctx = EVP_MD_CTX_new();
	h->ok = h->ctx != NULL && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1;
	if (!h->ok)
		om_hash_free(&h);
	return h;
}

void
om_hash_add(struct om_hash *h, const void *data, size_t n)
{
	h->ok = h->ok && EVP_DigestUpdate(h->ctx, data, n) == 1;
}

om_status
om_hash_done(struct om_hash **h, unsigned char out[OM_SHA256])
{
	bool ok = (*h)->ok && EVP_DigestFinal_ex((*h)->ctx, out, NULL) == 1;

	om_hash_free(h);
	if (!ok)
		memset(out, 0, OM_SHA256);
	return ok ? OM_OK : OM_INTERNAL;
}

void
om_hash_free(struct om_hash **hp)
{
	struct om_hash *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

uint32_t
om_crc32(uint32_t crc, const void *data, size_t n)
{
	return (uint32_t)crc32_z(crc, data, n);
}

om_status
om_random(void *out, size_t n, om_err *e)
{
	unsigned char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return om_fail(e, OM_IO, "the system gives no random bytes");
		p += got;
		n -= (size_t)got;
	}
	return OM_OK;
}

bool
om_secret_equal(const char *a, const char *b)
{
	unsigned char ha[OM_SHA256], hb[OM_SHA256];
	struct om_bytes pa = {a, strlen(a)}, pb = {b, strlen(b)};

	/* comparing hashes does not show the texts' lengths either */
	if (om_sha256(&pa, 1, ha) != OM_OK || om_sha256(&pb, 1, hb) != OM_OK)
		return false;
	return CRYPTO_memcmp(ha, hb, OM_SHA256) == 0;
}

bool
om_bytes_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void
om_secret_clear(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
