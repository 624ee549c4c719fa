/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Any text as key, cookie and header: none is read beyond its end, and none is a key.  The keys are
 * not in the corpus, so that one that passes is a hole.
 */
#include "target.h"
#include "access/access_in.h"
#include "access/auth.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char secret[] = "not-in-the-corpus-0123456789abcdefghijklmnopqrstuvwxyz";
	static char ingest[] = "ingest-key-not-in-the-corpus", reader[] = "read-key-not-in-the-corpus";
	static char hash[] = "not-in-the-corpus";
	static const struct gw_access_opts opts = {
	    .api_key = ingest, .read_api_key = reader, .jwt_secret = secret, .password_hash = hash};
	static struct gw_access *access;
	unsigned char raw[OM_SHA256];
	struct gw_header headers[2];
	struct om_arena a;
	struct gw_req rq = {.method = "GET", .path = "/", .query = "", .headers = headers, .n_headers = 2, .arena = &a};
	char *text;

	if (n == 0)
		return 0;
	if (access == NULL)
		must(gw_access_open(&opts, &access, NULL) == OM_OK);
	text = malloc(n);
	must(text != NULL);
	memcpy(text, data + 1, n - 1);
	text[n - 1] = '\0';
	om_arena_init(&a, (size_t)1 << 20);
	headers[0] = (struct gw_header){data[0] % 2 == 0 ? "Cookie" : "Authorization", text};
	headers[1] =
	    (struct gw_header){GW_HEADER, text}; /* never both halves of a session, which costd would be asked about */
	if (gw_auth_identify(access, &rq, false, NULL) == OM_OK)
		must(rq.who == GW_ANYONE);
	must(!gw_token_read(text, raw) || strlen(text) == 2 * sizeof raw);
	headers[0].name = "Origin";
	(void)!gw_auth_same_origin(&rq, NULL);
	om_arena_fini(&a);
	free(text);
	return 0;
}
