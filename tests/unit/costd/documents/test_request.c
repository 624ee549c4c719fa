/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a request asked is known by a hash that stands in databases: the same request has
 * the same hash for ever. */
#include "documents/issuing.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char name[] = "http:key-1", user[] = "u-1", de[] = "de", letter[] = "letter", number[] = "2026-000001",
	    group[] = "Sales & Söhne", reason[] = "the wrong person";

static Om__IssueQuery
original(void)
{
	Om__IssueQuery q = OM__ISSUE_QUERY__INIT;

	q.request = name;
	q.kind = OM__DOCUMENT_KIND__DOCUMENT_STATEMENT;
	q.user = user;
	q.year = 2026;
	q.month = 10;
	q.format = OM__FORMAT__FORMAT_PDF;
	q.locale = de;
	q.paper = letter;
	return q;
}

static void
expect(const char *what, Om__IssueQuery q, const char *hash)
{
	unsigned char sum[OM_SHA256];
	char hex[2 * OM_SHA256 + 1];
	om_err e = {.text = ""};

	if (cd_request_hash(&q, sum, &e) != OM_OK)
		fail_msg("%s: %s", what, e.text);
	om_hex(sum, sizeof sum, hex);
	if (strcmp(hex, hash) != 0)
		fail_msg("%s has another hash: %s", what, hex);
}

static void
test_hashes_are_those_that_databases_have(void **state)
{
	Om__IssueQuery q = original();

	(void)state;
	expect("an original", q, "1298c8f5f3ef0ee28e6ef0757b1a45f72e013da1d54b571e691ec867f8880d99");
	q.act = OM__ISSUE_ACT__ISSUE_TAKE;
	expect("a delivery's", q, "1298c8f5f3ef0ee28e6ef0757b1a45f72e013da1d54b571e691ec867f8880d99");
	q = original();
	q.locale = q.paper = NULL;
	q.format = OM__FORMAT__FORMAT_XLSX;
	q.kind = OM__DOCUMENT_KIND__DOCUMENT_GROUP_STATEMENT;
	q.user = NULL;
	q.group = group;
	expect("a group's workbook", q, "9e329dd87b986404ea1bd346ed2b384914bcca56de013a3d1a5c0b8122602b3a");
	q = original();
	q.act = OM__ISSUE_ACT__ISSUE_CORRECTION;
	q.of_number = number;
	expect("a correction", q, "32d33fbbee5a5de7ce0e009d3de04050f1ee63ee7c73e57e951c9721fdb42059");
	q.has_month_terms = q.month_terms = true;
	expect("a correction with its month's terms", q,
	    "e9174f08054d36e7ffc755e9ada383a745c1acba8c5354eef64b3a2e6fa7a032");
	q = original();
	q.act = OM__ISSUE_ACT__ISSUE_DUPLICATE;
	expect("a duplicate", q, "926a9d2cdd1484fe8bcd6e38d619c3c917088ecfbcbe7ac629bc530c12f3afd3");
	q = original();
	q.act = OM__ISSUE_ACT__ISSUE_CANCELLATION;
	q.of_number = number;
	expect(
	    "a cancellation without a reason", q, "cb0791d01b35d6ee92c0ccd3e8b859ff0aae11e6d9df26bd300a20b05a102a6a");
	q.reason = reason;
	expect("a cancellation", q, "d440ef110c46f5e5d87f7d52d7538d74ad031a0425b3a3cd505d6ac7395c58bc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hashes_are_those_that_databases_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
