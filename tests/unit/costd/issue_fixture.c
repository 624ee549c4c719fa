/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "issue_fixture.h"

#include "names/learn.h"
#include "statement.pb-c.h"

#include <string.h>

struct fx ifx;

void
ifx_ok(om_status s, const om_err *e)
{
	if (s != OM_OK)
		fail_msg("%s", om_err_text(e, s));
}

/* know makes somebody a person whom the ledger has. */
static void
know(struct om_arena *a, const char *user)
{
	char *handle = om_arena_alloc(a, CD_HANDLE + 1);
	struct cd_learning l;
	om_err e = {.text = ""};

	cd_learn_init(&l, a);
	ifx_ok(cd_handle(user, strlen(user), handle, &e), &e);
	cd_learn_note_person(&l, user, handle);
	ifx_ok(cd_learn(ifx.pool, &l, FX_DEADLINE, &e), &e);
}

Om__IssueQuery
ifx_query(struct om_arena *a, const char *request, const char *user)
{
	Om__IssueQuery q = OM__ISSUE_QUERY__INIT;

	know(a, user);
	q.request = om_arena_strdup(a, request);
	q.kind = OM__DOCUMENT_KIND__DOCUMENT_STATEMENT;
	q.user = om_arena_strdup(a, user);
	q.year = 2026;
	q.month = 10;
	q.format = OM__FORMAT__FORMAT_PDF;
	return q;
}

om_status
ifx_begin(struct cd_pool *p, Om__IssueQuery *q, const Om__Figures *shown, om_time now, struct om_arena *a,
    Om__IssueBeginReply *out, om_err *e)
{
	Om__IssueBegin b = OM__ISSUE_BEGIN__INIT;
	Om__Figures figures = OM__FIGURES__INIT;

	*out = (Om__IssueBeginReply)OM__ISSUE_BEGIN_REPLY__INIT;
	b.query = q;
	if (shown != NULL) {
		figures = *shown;
		b.now = &figures;
	}
	return cd_issue_begin(p, &b, now, FX_DEADLINE, a, out, e);
}

Om__Figures
ifx_figures(void)
{
	static char cost[] = "12.3", byok[] = "0";
	Om__Figures f = OM__FIGURES__INIT;

	f.requests = 7;
	f.prompt_tokens = 1000;
	f.completion_tokens = 200;
	f.reasoning_tokens = 30;
	f.cached_tokens = 4;
	f.cache_write_tokens = 5;
	f.cost = cost;
	f.byok_cost = byok;
	f.unsettled = 3;
	return f;
}

ProtobufCBinaryData
ifx_pack_figures(struct om_arena *a)
{
	Om__StatementReply st = OM__STATEMENT_REPLY__INIT;
	Om__Figures total = ifx_figures();
	ProtobufCBinaryData out;
	char zone[] = "UTC";

	st.timezone = zone;
	st.total = st.previous_total = &total;
	om_msg_ready(&st.base);
	out.len = om__statement_reply__get_packed_size(&st);
	out.data = om_arena_alloc(a, out.len);
	assert_non_null(out.data);
	(void)om__statement_reply__pack(&st, out.data);
	return out;
}

const char *
ifx_number(const Om__IssueBeginReply *begun)
{
	assert_int_not_equal(begun->next_case, OM__ISSUE_BEGIN_REPLY__NEXT__NOT_SET);
	switch (begun->next_case) {
	case OM__ISSUE_BEGIN_REPLY__NEXT_NUMBER:
		return begun->number->number;
	case OM__ISSUE_BEGIN_REPLY__NEXT_FILE:
		return begun->file->standing->document->number;
	default:
		return begun->issued->number;
	}
}

Om__HeldNumber *
ifx_held(const Om__IssueBeginReply *begun, Om__IssueRole role)
{
	assert_int_equal(begun->next_case, OM__ISSUE_BEGIN_REPLY__NEXT_NUMBER);
	assert_int_equal(begun->number->role, role);
	return begun->number;
}

Om__WantedFile *
ifx_wanted(const Om__IssueBeginReply *begun)
{
	assert_int_equal(begun->next_case, OM__ISSUE_BEGIN_REPLY__NEXT_FILE);
	return begun->file;
}

Om__Document *
ifx_known(const Om__IssueBeginReply *begun)
{
	assert_int_equal(begun->next_case, OM__ISSUE_BEGIN_REPLY__NEXT_ISSUED);
	return begun->issued;
}

static om_status
add_file(struct cd_pool *p, Om__IssueQuery *q, const Om__WantedFile *wanted, ProtobufCBinaryData file, om_time now,
    struct om_arena *a, struct ifx_done *out, om_err *e)
{
	Om__FileAdd add = OM__FILE_ADD__INIT;
	Om__FileAddReply reply = OM__FILE_ADD_REPLY__INIT;
	om_status s;

	add.query = q;
	add.number = wanted->standing->document->number;
	add.file = file;
	add.filename = om_arena_strdup(a, q->format == OM__FORMAT__FORMAT_PDF ? "x.pdf" : "x.xlsx");
	add.content_type = om_arena_strdup(a, "application/octet-stream");
	s = cd_file_add(p, &add, now, FX_DEADLINE, a, &reply, e);
	*out = (struct ifx_done){.document = reply.document, .known = reply.known, .added = s == OM_OK && !reply.known};
	return s;
}

static om_status
store_number(struct cd_pool *p, Om__IssueQuery *q, const Om__HeldNumber *held, ProtobufCBinaryData file, om_time now,
    struct om_arena *a, struct ifx_done *out, om_err *e)
{
	Om__IssueFinish end = OM__ISSUE_FINISH__INIT;
	Om__IssueFinishReply reply = OM__ISSUE_FINISH_REPLY__INIT;
	om_status s;

	end.lease_id = held->lease_id;
	end.query = q;
	end.role = held->role;
	end.of_number = held->standing != NULL ? held->standing->document->number : NULL;
	end.file = file;
	end.filename = om_arena_strdup(a, q->format == OM__FORMAT__FORMAT_PDF ? "x.pdf" : "x.xlsx");
	end.content_type = om_arena_strdup(a, "application/octet-stream");
	end.total = om_arena_strdup(a, q->act == OM__ISSUE_ACT__ISSUE_CANCELLATION ? "-12.30" : "12.30");
	end.currency = om_arena_strdup(a, "USD");
	end.unsettled = 3;
	end.user_name = om_arena_strdup(a, "Ada");
	end.figures = ifx_pack_figures(a);
	end.terms = om_arena_strdup(a, "{\"CURRENCY\":\"USD\"}");
	s = cd_issue_finish(p, &end, now, FX_DEADLINE, a, &reply, e);
	*out = (struct ifx_done){.document = reply.document, .known = reply.known};
	return s;
}

om_status
ifx_finish(struct cd_pool *p, Om__IssueQuery *q, const Om__IssueBeginReply *begun, const void *file, size_t n,
    om_time now, struct om_arena *a, struct ifx_done *out, om_err *e)
{
	ProtobufCBinaryData copy = {.len = n, .data = om_arena_alloc(a, n + 1)};

	memcpy(copy.data, file, n);
	if (begun->next_case == OM__ISSUE_BEGIN_REPLY__NEXT_FILE)
		return add_file(p, q, begun->file, copy, now, a, out, e);
	assert_int_equal(begun->next_case, OM__ISSUE_BEGIN_REPLY__NEXT_NUMBER);
	return store_number(p, q, begun->number, copy, now, a, out, e);
}

Om__Document *
ifx_issue(Om__IssueQuery *q, om_time now)
{
	Om__Figures shown = ifx_figures();
	Om__IssueBeginReply begun;
	struct ifx_done done;
	om_err e = {.text = ""};

	ifx_ok(
	    ifx_begin(ifx.pool, q, q->act == OM__ISSUE_ACT__ISSUE_TAKE ? &shown : NULL, now, &ifx.a, &begun, &e), &e);
	assert_int_not_equal(begun.next_case, OM__ISSUE_BEGIN_REPLY__NEXT_ISSUED);
	ifx_ok(ifx_finish(ifx.pool, q, &begun, q->request, strlen(q->request), now, &ifx.a, &done, &e), &e);
	assert_false(done.known);
	assert_string_equal(done.document->number, ifx_number(&begun));
	return done.document;
}

Om__IssueQuery
ifx_user(const char *request)
{
	return ifx_query(&ifx.a, request, "u-1");
}

Om__IssueQuery
ifx_user_of(const char *request, Om__Format format)
{
	Om__IssueQuery q = ifx_user(request);

	q.format = format;
	return q;
}

Om__IssueQuery
ifx_duplicate(const char *request, Om__Format format)
{
	Om__IssueQuery q = ifx_user_of(request, format);

	q.act = OM__ISSUE_ACT__ISSUE_DUPLICATE;
	return q;
}

Om__IssueQuery
ifx_cancellation(const char *request, const char *of)
{
	Om__IssueQuery q = ifx_user(request);

	q.act = OM__ISSUE_ACT__ISSUE_CANCELLATION;
	q.of_number = om_arena_strdup(&ifx.a, of);
	q.reason = om_arena_strdup(&ifx.a, "the wrong person");
	return q;
}

Om__IssueQuery
ifx_correction(const char *request, const char *of)
{
	Om__IssueQuery q = ifx_user(request);

	q.act = OM__ISSUE_ACT__ISSUE_CORRECTION;
	q.of_number = om_arena_strdup(&ifx.a, of);
	return q;
}

om_status
ifx_begin_now(Om__IssueQuery *q, Om__IssueBeginReply *out, om_err *e)
{
	*e = (om_err){.text = ""};
	return ifx_begin(ifx.pool, q, NULL, IFX_NOW, &ifx.a, out, e);
}

/* expect_refused: OM_CONFLICT that says so. */
void
ifx_expect_refused(Om__IssueQuery q, const char *words)
{
	Om__IssueBeginReply out;
	om_err e;

	assert_int_equal(ifx_begin_now(&q, &out, &e), OM_CONFLICT);
	if (strstr(e.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

Om__Document *
ifx_issue_now(Om__IssueQuery q)
{
	return ifx_issue(&q, IFX_NOW);
}

Om__Document *
ifx_load(const char *number)
{
	Om__DocumentQuery q = OM__DOCUMENT_QUERY__INIT;
	Om__DocumentReply out = OM__DOCUMENT_REPLY__INIT;
	om_err e = {.text = ""};

	q.by_case = OM__DOCUMENT_QUERY__BY_NUMBER;
	q.number = om_arena_strdup(&ifx.a, number);
	ifx_ok(cd_document_find(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
	assert_non_null(out.document);
	return out.document;
}

/* expect_file compares a whole file of a document with the name of the request
 * that made it. */
void
ifx_expect_file(const char *number, Om__Format format, bool is_duplicate, const char *content)
{
	Om__DocumentFileQuery q = OM__DOCUMENT_FILE_QUERY__INIT;
	Om__DocumentFileReply out = OM__DOCUMENT_FILE_REPLY__INIT;
	om_err e = {.text = ""};

	q.number = om_arena_strdup(&ifx.a, number);
	q.has_format = q.has_duplicate = true;
	q.format = format;
	q.duplicate = is_duplicate;
	ifx_ok(cd_document_file(ifx.pool, &q, FX_DEADLINE, &ifx.a, &out, &e), &e);
	assert_int_equal(out.file->format, format);
	assert_int_equal(out.file->duplicate, is_duplicate);
	assert_int_equal(out.data.len, strlen(content));
	assert_memory_equal(out.data.data, content, strlen(content));
}

om_status
ifx_take(Om__IssueQuery *q, const Om__Figures *shown, Om__IssueBeginReply *out, om_err *e)
{
	*e = (om_err){.text = ""};
	q->act = OM__ISSUE_ACT__ISSUE_TAKE;
	return ifx_begin(ifx.pool, q, shown, IFX_NOW, &ifx.a, out, e);
}
