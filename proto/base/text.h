/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * text.h - what may pass as text, and the encodings of bytes as text.
 */
#ifndef OM_TEXT_H
#define OM_TEXT_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* om_utf8_valid: well-formed UTF-8 (no surrogates, nothing overlong). */
bool om_utf8_valid(const char *text, size_t n);

/* om_utf8_length counts code points; n bytes must be valid UTF-8. */
size_t om_utf8_length(const char *text, size_t n);

/* om_utf8_next decodes one code point at *p (which ends before end) and steps
 * over it; a bad byte gives U+FFFD and is stepped over alone. */
uint32_t om_utf8_next(const char **p, const char *end);

/* om_text_clean: no C0 or C1 control characters and no DEL. */
bool om_text_clean(const char *text, size_t n);

/* om_text_token: 1 to max bytes of printable ASCII without space. */
bool om_text_token(const char *text, size_t max);

/* om_hex writes 2n digits and a zero byte. */
void om_hex(const void *data, size_t n, char *out);
bool om_unhex(const char *text, size_t digits, unsigned char *out);

/* om_uuid_parse reads 8-4-4-4-12 hex digits, any case. */
bool om_uuid_parse(const char *text, unsigned char out[16]);
void om_uuid_text(const unsigned char id[16], char out[37]);

/* Base64url without padding (RFC 4648 section 5). */
#define OM_B64_LEN(n) (((n)*4 + 2) / 3)
void om_b64url(const void *data, size_t n, char *out); /* OM_B64_LEN(n) + 1 bytes */
/* om_unb64url: *n_out is the room in out before, the bytes written after. */
bool om_unb64url(const char *text, unsigned char *out, size_t *n_out);

/* om_u64_parse reads decimal digits only, up to max. */
bool om_u64_parse(const char *text, uint64_t max, uint64_t *out);

#endif
