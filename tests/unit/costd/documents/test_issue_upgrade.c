/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What older programs issued stands as it is. */
#include "issue_fixture.h"

#include "database/schema.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"
#include "base/digest.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define NOW  IFX_NOW
#define PDF  OM__FORMAT__FORMAT_PDF
#define XLSX OM__FORMAT__FORMAT_XLSX
#define ok   ifx_ok

/* ---- what older programs left ---- */

/* issue_as_before writes a document as schema 0003 has it. */
static void
issue_as_before(int seq, const char *format, const char *request, const char *hash)
{
	ProtobufCBinaryData packed = ifx_pack_figures(&ifx.a);
	char sql[1024], *figures = om_arena_alloc(&ifx.a, 2 * packed.len + 1);

	(void)ifx_user("any"); /* has the person known */
	om_hex(packed.data, packed.len, figures);
	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO document "
	    "(year,seq,kind,person,user_name,of_month,format,locale,paper,issued_us,total,currency,"
	    "sha256,bytes,filename,content_type,code,unsettled,figures,terms) VALUES "
	    "(2026,%d,0,(SELECT id FROM person WHERE external_id='u-1'),'Ada','2026-10-01',"
	    "%s,'de','a4',%lld,'12.30','USD',UNHEX(SHA2('old-%d',256)),5,'old.pdf','application/"
	    "pdf','CODE00000000000%d',0,"
	    "UNHEX('%s'),'{}')",
	    seq, format, (long long)NOW - 10 + seq, seq, seq, figures);
	fx_run(&ifx, sql);
	(void)snprintf(
	    sql, sizeof sql, "INSERT INTO document_chunk (year,seq,part,data) VALUES (2026,%d,0,'old-%d')", seq, seq);
	fx_run(&ifx, sql);
	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO document_request (request,params,year,seq) VALUES ('%s',UNHEX('%s'),2026,%d)", request, hash,
	    seq);
	fx_run(&ifx, sql);
	(void)snprintf(
	    sql, sizeof sql, "UPDATE issuing SET year=2026,seq=%d,issued_us=%lld", seq, (long long)NOW - 10 + seq);
	fx_run(&ifx, sql);
}

/* go_back takes out what step 12 made. */
static void
go_back(void)
{
	fx_run(&ifx, "DROP TABLE document_file");
	fx_run(&ifx, "DROP TABLE document_cancellation");
	fx_run(&ifx, "ALTER TABLE document DROP COLUMN cancels_year, DROP COLUMN cancels_seq, DROP COLUMN reason");
	fx_run(&ifx, "DELETE FROM schema_migration WHERE version=12");
}

static void
go_on(void)
{
	const struct cd_schema_how how = {.work = NULL};
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	ok(cd_db_open(&ifx.opts, &db, &e), &e);
	ok(cd_schema_apply(&ifx.opts, db, cd_migrations, cd_n_migrations, &how, &e), &e);
	cd_db_close(&db);
}

/* hash_as_before: the SHA-256 of a packed request without its name, as the
 * program before step 12 made it: user "u-1", October 2026, German. */
static const char *
hash_as_before(Om__Format format)
{
	const unsigned char packed[] = {0x0a, 0x00,             /* request: none */
	    0x10, 0x00,                                         /* kind: a statement */
	    0x1a, 0x03, 'u', '-', '1',                          /* user */
	    0x28, 0xea, 0x0f,                                   /* year: 2026 */
	    0x30, 0x0a,                                         /* month: 10 */
	    0x38, (unsigned char)format, 0x42, 0x02, 'd', 'e'}; /* format, locale */
	unsigned char sum[OM_SHA256];
	char *hex = om_arena_alloc(&ifx.a, 2 * OM_SHA256 + 1);

	assert_int_equal(om_sha256(&(struct om_bytes){.data = packed, .n = sizeof packed}, 1, sum), OM_OK);
	om_hex(sum, sizeof sum, hex);
	return hex;
}

static void
test_documents_of_an_older_program_stand_as_they_are(void **state)
{
	Om__Document *d;

	(void)state;
	fx_open(&ifx);
	go_back();
	for (int i = 1; i <= 3; i++) {
		char name[24];

		(void)snprintf(name, sizeof name, "old-%d", i);
		issue_as_before(i, "0", name, hash_as_before(PDF));
	}
	go_on();
	/* a start that was cut off after the files were listed, and before it was noted */
	fx_run(&ifx, "DELETE FROM schema_migration WHERE version=12");
	fx_run(&ifx, "DELETE FROM document_file WHERE seq=2");
	go_on();
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_file"), 3);
	for (int i = 1; i <= 3; i++) {
		char number[CD_NUMBER], content[24];

		d = ifx_load(cd_number_text((struct cd_number){2026, i}, number));
		assert_int_equal(d->n_files, 1);
		assert_string_equal(d->files[0]->filename, "old.pdf");
		assert_int_equal(d->files[0]->made_us, NOW - 10 + i);
		assert_string_equal(d->files[0]->locale, "de");
		assert_null(d->cancelled_by);
		(void)snprintf(content, sizeof content, "old-%d", i);
		ifx_expect_file(number, PDF, false, content);
	}
	/* all three stand: no fourth; another format is the oldest's; each can be cancelled or corrected */
	ifx_expect_refused(ifx_user("new"), "2026-000001 is issued");
	d = ifx_issue_now(ifx_user_of("sheet", XLSX));
	assert_string_equal(d->number, "2026-000001");
	assert_string_equal(d->files[1]->locale, "de");
	ifx_expect_file("2026-000001", XLSX, false, "sheet");
	ifx_expect_file("2026-000001", PDF, false, "old-1");
	assert_string_equal(ifx_issue_now(ifx_cancellation("c", "2026-000002"))->number, "2026-000004");
	assert_string_equal(ifx_issue_now(ifx_correction("d", "2026-000001"))->number, "2026-000005");
	ifx_expect_refused(ifx_user("new"), "2026-000003 is issued");
	fx_close(&ifx);
}

static void
test_a_request_repeated_over_the_upgrade_finds_its_document(void **state)
{
	Om__IssueQuery q;
	Om__IssueBeginReply begun;
	Om__Figures shown = ifx_figures();
	om_err e;

	(void)state;
	fx_open(&ifx);
	go_back();
	issue_as_before(1, "0", "key-1", hash_as_before(PDF));
	go_on();
	q = ifx_user("key-1");
	q.locale = om_arena_strdup(&ifx.a, "de");
	ok(ifx_begin_now(&q, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	/* what newer callers say besides, without asking for anything else */
	q.has_month_terms = true;
	ok(ifx_begin_now(&q, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	/* and what does ask for something else */
	q.act = OM__ISSUE_ACT__ISSUE_DUPLICATE;
	ifx_expect_refused(q, "a request of this name issued another document");
	/* a delivery that was half done at the upgrade */
	q = ifx_user("key-1");
	q.locale = om_arena_strdup(&ifx.a, "de");
	ok(ifx_take(&q, &shown, &begun, &e), &e);
	assert_string_equal(ifx_known(&begun)->number, "2026-000001");
	fx_run(&ifx, "UPDATE document SET figures='x'");
	assert_int_equal(ifx_take(&q, &shown, &begun, &e), OM_DAMAGED);
	assert_non_null(strstr(e.text, "the figures of 2026-000001"));
	fx_close(&ifx);
}

static void
test_a_document_of_an_older_costd_beside_this_one_has_its_file(void **state)
{
	Om__Document *d;

	(void)state;
	fx_open(&ifx);
	issue_as_before(1, "0", "old", hash_as_before(PDF));
	assert_int_equal(fx_int(&ifx, "SELECT COUNT(*) FROM document_file"), 0);
	d = ifx_load("2026-000001");
	assert_int_equal(d->n_files, 1);
	assert_string_equal(d->files[0]->filename, "old.pdf");
	ifx_expect_file("2026-000001", PDF, false, "old-1");
	assert_int_equal(ifx_issue_now(ifx_user_of("sheet", XLSX))->n_files, 2);
	ifx_expect_file("2026-000001", PDF, false, "old-1");
	ifx_expect_file("2026-000001", XLSX, false, "sheet");
	fx_close(&ifx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_documents_of_an_older_program_stand_as_they_are),
	    cmocka_unit_test(test_a_request_repeated_over_the_upgrade_finds_its_document),
	    cmocka_unit_test(test_a_document_of_an_older_costd_beside_this_one_has_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
