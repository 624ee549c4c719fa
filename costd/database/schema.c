/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "schema.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define STATEMENT_BYTES ((size_t)256 * 1024)
#define LOCK            "CONCAT('owui-metering ',DATABASE())"

/* skip_comment steps over "-- …" or a block comment; false if there is none. */
static bool
skip_comment(const char **at)
{
	const char *end = NULL;

	if (strncmp(*at, "--", 2) == 0) {
		end = strchr(*at, '\n');
		*at = end != NULL ? end + 1 : *at + strlen(*at);
		return true;
	}
	if (strncmp(*at, "/*", 2) == 0) {
		end = strstr(*at + 2, "*/");
		*at = end != NULL ? end + 2 : *at + strlen(*at);
		return true;
	}
	return false;
}

/* quoted_length: bytes of a quoted text with its quotes; a doubled quote or one
 * behind a backslash does not end it. */
static size_t
quoted_length(const char *p)
{
	char quote = *p;
	size_t n = 1;

	while (p[n] != '\0') {
		if (p[n] == '\\' && quote != '`' && p[n + 1] != '\0') {
			n += 2;
		} else if (p[n] == quote) {
			n++;
			if (p[n] != quote)
				return n;
			n++;
		} else {
			n++;
		}
	}
	return n;
}

char *
cd_schema_next(const char **at)
{
	struct om_buf b;
	char *out = NULL;
	size_t n = 0;

	om_buf_init(&b, STATEMENT_BYTES);
	while (**at != '\0') {
		if (skip_comment(at))
			continue;
		if (**at == ';') {
			(*at)++;
			if (b.len > 0)
				break;
		} else if (**at == '\'' || **at == '"' || **at == '`') {
			n = quoted_length(*at);
			om_buf_add(&b, *at, n);
			*at += n;
		} else if (strchr(" \t\r\n", **at) != NULL) {
			if (b.len > 0 && b.data[b.len - 1] != ' ')
				om_buf_chr(&b, ' ');
			(*at)++;
		} else {
			om_buf_chr(&b, **at);
			(*at)++;
		}
	}
	if (b.len > 0 && om_buf_done(&b, NULL) == OM_OK)
		out = om_buf_take(&b, &n);
	om_buf_fini(&b);
	return out;
}

static om_status
keep_int(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].kind == CD_INT ? v[0].i : 0;
	return OM_OK;
}

static om_status
keep_checksum(void *arg, const struct cd_val *v, om_err *e)
{
	char *out = arg;

	if (v[0].n != (size_t)2 * OM_SHA256)
		return om_fail(e, OM_DAMAGED, "schema_migration: a checksum is malformed");
	memcpy(out, v[0].p, v[0].n + 1);
	return OM_OK;
}

static om_status
run_script(struct cd_db *db, const char *sql, om_err *e)
{
	om_status s = OM_OK;
	char *statement;

	while (s == OM_OK && (statement = cd_schema_next(&sql)) != NULL) {
		s = cd_db_run(db, statement, e);
		free(statement);
	}
	return s;
}

static om_status
apply_one(struct cd_db *db, const struct cd_migration *m, om_err *e)
{
	const struct om_bytes text = {.data = m->sql, .n = strlen(m->sql)};
	char known[2 * OM_SHA256 + 1] = "", hex[2 * OM_SHA256 + 1];
	unsigned char sum[OM_SHA256];
	om_status s;

	if (om_sha256(&text, 1, sum) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	om_hex(sum, sizeof sum, hex);
	s = cd_db_query(db, "SELECT checksum FROM schema_migration WHERE version=?",
	    (struct cd_val[]){CD_I(m->version)}, 1, keep_checksum, known, e);
	if (s != OM_OK)
		return s;
	if (known[0] != '\0' && strcmp(known, hex) != 0)
		return om_fail(e, OM_VERSION,
		    "schema: %.60s was carried out with another text (checksum %.12s…, now %.12s…); "
		    "use the program that made this database, or a newer one",
		    m->name, known, hex);
	if (known[0] != '\0')
		return OM_OK;
	om_log(OM_LOG_INFO, "schema is brought forward", "step", m->name, NULL);
	s = run_script(db, m->sql, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "INSERT INTO schema_migration (version,name,checksum,applied_us) VALUES (?,?,?,?)",
		    (struct cd_val[]){CD_I(m->version), cd_t(m->name), cd_t(hex), CD_I(om_now())}, 4, 1, NULL, e);
	return s == OM_OK ? cd_db_commit(db, e) : s;
}

om_status
cd_schema_apply(struct cd_db *db, const struct cd_migration *m, size_t n, om_err *e)
{
	static const char table[] =
	    "CREATE TABLE IF NOT EXISTS schema_migration (version INT NOT NULL, name VARCHAR(128) NOT NULL,"
	    "checksum CHAR(64) NOT NULL, applied_us BIGINT NOT NULL, PRIMARY KEY (version)) "
	    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";
	int64_t got = 0, newest = 0;
	om_status s = cd_db_query(db, "SELECT GET_LOCK(" LOCK ",5)", NULL, 0, keep_int, &got, e);

	if (s != OM_OK)
		return s;
	if (got != 1)
		return om_fail(e, OM_STORE, "schema: another process is at it");
	s = cd_db_run(db, table, e);
	if (s == OM_OK)
		s = cd_db_query(
		    db, "SELECT COALESCE(MAX(version),0) FROM schema_migration", NULL, 0, keep_int, &newest, e);
	if (s == OM_OK && newest > (int64_t)m[n - 1].version)
		s = om_fail(e, OM_VERSION,
		    "schema: the database is at step %lld, this program knows %u; use a newer program",
		    (long long)newest, m[n - 1].version);
	for (size_t i = 0; s == OM_OK && i < n; i++)
		s = apply_one(db, &m[i], e);
	if (s != OM_OK)
		cd_db_rollback(db);
	if (!cd_db_broken(db) && cd_db_run(db, "DO RELEASE_LOCK(" LOCK ")", NULL) != OM_OK)
		cd_db_rollback(db);
	return s;
}

om_status
cd_schema_step(struct cd_db *db, unsigned *out, om_err *e)
{
	int64_t newest = 0;
	om_status s =
	    cd_db_query(db, "SELECT COALESCE(MAX(version),0) FROM schema_migration", NULL, 0, keep_int, &newest, e);

	cd_db_rollback(db);
	*out = (unsigned)newest;
	return s;
}

bool
cd_schema_is_current(struct cd_db *db, const struct cd_migration *m, size_t n)
{
	unsigned step = 0;

	return cd_schema_step(db, &step, NULL) == OM_OK && step == m[n - 1].version;
}
