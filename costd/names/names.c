/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "names.h"

#include "known.h"
#include "base/digest.h"
#include "base/invariant.h"
#include "base/text.h"
#include "wire/codec.h"

#include <string.h>

#define KEY_BYTES 32
#define KEY_TEXT  (2 * KEY_BYTES + 1)

static char key[KEY_TEXT]; /* of the handles; set by cd_names_open, before threads start */

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	if (v[0].n != KEY_TEXT - 1)
		return om_fail(e, OM_DAMAGED, "meta: the key of the handles is malformed");
	memcpy(arg, v[0].p, KEY_TEXT);
	return OM_OK;
}

om_status
cd_names_open(struct cd_db *db, om_err *e)
{
	unsigned char raw[KEY_BYTES];
	char text[KEY_TEXT];
	om_status s = om_random(raw, sizeof raw, e);

	cd_known_forget();
	if (s != OM_OK)
		return s;
	om_hex(raw, sizeof raw, text);
	s = cd_db_exec(db,
	    "INSERT INTO meta (name,value) VALUES ('handle_key',?) ON DUPLICATE KEY UPDATE name=meta.name",
	    (struct cd_val[]){cd_t(text)}, 1, 1, NULL, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s == OM_OK)
		s = cd_db_query(db, "SELECT value FROM meta WHERE name='handle_key'", NULL, 0, keep_key, key, e);
	cd_db_rollback(db);
	return s;
}

om_status
cd_handle(const char *id, size_t n, char out[CD_HANDLE + 1], om_err *e)
{
	unsigned char sum[OM_SHA256];

	om_check(key[0] != '\0'); /* cd_names_open */
	if (n == sizeof OM_USER_UNKNOWN - 1 && memcmp(id, OM_USER_UNKNOWN, n) == 0) {
		memcpy(out, OM_USER_UNKNOWN, sizeof OM_USER_UNKNOWN);
		return OM_OK;
	}
	if (om_hmac_sha256(key, &(struct om_bytes){.data = id, .n = n}, 1, sum) != OM_OK)
		return om_fail(e, OM_INTERNAL, "HMAC-SHA-256 failed");
	om_hex(sum, CD_HANDLE / 2, out);
	return OM_OK;
}

static om_status
keep_number(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

om_status
cd_names_find(struct cd_db *db, cd_name kind, const char *text, size_t n, int64_t *out, om_err *e)
{
	static const char *const sql[CD_N_NAMES] = {
	    [CD_WORD] = "SELECT id FROM word WHERE text=?",
	    [CD_GROUP_SET] = "SELECT id FROM group_set WHERE hash=UNHEX(SHA2(?,256))",
	    [CD_PERSON] = "SELECT id FROM person WHERE handle=?",
	};
	om_status s = OM_OK;

	om_check(kind < CD_N_NAMES);
	*out = cd_known_find(kind, text, n);
	if (*out == 0)
		s = cd_db_query(db, sql[kind], (struct cd_val[]){CD_B(text, n)}, 1, keep_number, out, e);
	if (s == OM_OK && *out != 0)
		cd_known_keep(kind, text, n, *out);
	return s;
}

om_status
cd_names_number(struct cd_db *db, cd_name kind, const char *text, size_t n, int64_t *out, om_err *e)
{
	om_status s = cd_names_find(db, kind, text, n, out, e);

	/* the node of a cluster may not have yet what another one committed */
	return s == OM_OK && *out == 0 ? om_fail(e, OM_STORE, "a name has no number yet") : s;
}

static om_status
keep_most(void *arg, const struct cd_val *v, om_err *e)
{
	int64_t *most = arg;

	(void)e;
	for (unsigned k = 0; k < CD_N_NAMES; k++)
		most[k] = v[k].kind == CD_INT ? v[k].i : 0;
	return OM_OK;
}

om_status
cd_names_check(struct cd_db *db, om_err *e)
{
	int64_t most[CD_N_NAMES] = {0};
	om_status s = cd_db_query(db,
	    "SELECT (SELECT MAX(id) FROM word),(SELECT MAX(id) FROM group_set),(SELECT MAX(id) FROM person)", NULL, 0,
	    keep_most, most, e);

	for (unsigned k = 0; s == OM_OK && k < CD_N_NAMES; k++)
		if (most[k] < cd_known_most((cd_name)k)) {
			cd_known_forget();
			s = om_fail(e, OM_STORE,
			    "the database has fewer names than were given, as one that was put back; they are read "
			    "again");
		}
	return s;
}

void
cd_names_forget(void)
{
	cd_known_forget();
}
