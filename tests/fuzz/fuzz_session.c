/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Any text as key, cookie and session token: none gives access.  The secret is not in
 * the corpus, so that a token that passes is a hole.
 */
#include "target.h"
#include "access/access_in.h"
#include "access/auth.h"
#include "access/session.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char secret[] = "not-in-the-corpus-0123456789abcdefghijklmnopqrstuvwxyz";
	static char ingest[] = "ingest-key-not-in-the-corpus", reader[] = "read-key-not-in-the-corpus";
	static const struct gw_access_opts opts = {.api_key = ingest, .read_api_key = reader, .jwt_secret = secret};
	static struct gw_access *access;
	struct gw_session session;
	struct gw_header header;
	struct om_arena a;
	struct gw_req rq = {.method = "GET", .path = "/", .query = "", .headers = &header, .n_headers = 1, .arena = &a};
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
	header = (struct gw_header){data[0] % 2 == 0 ? "Cookie" : "Authorization", text};
	if (gw_auth_identify(access, &rq, NULL) == OM_OK)
		must(rq.who == GW_ANYONE);
	must(gw_sessions_check(access->sessions, text, FUZZ_NOW, &session, NULL) != OM_OK);
	header.name = "Origin";
	(void)!gw_auth_same_origin(&rq, NULL);
	om_arena_fini(&a);
	free(text);
	return 0;
}
