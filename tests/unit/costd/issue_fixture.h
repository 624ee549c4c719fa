/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * issue_fixture.h - documents issued from begin to end, by tests.
 */
#ifndef CD_ISSUE_FIXTURE_H
#define CD_ISSUE_FIXTURE_H

#include "fixture.h"

#include "documents/document.h"
#include "documents/issue.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"

#define IFX_NOW ((om_time)1795000000 * OM_SECOND) /* 2026-11-18 */

/* The database of the test that runs, where no other is named. */
extern struct fx ifx;

void ifx_ok(om_status s, const om_err *e);

/* ifx_query asks for the PDF of a user's October 2026. */
Om__IssueQuery ifx_query(struct om_arena *a, const char *request, const char *user);

om_status ifx_begin(struct cd_pool *p, Om__IssueQuery *q, const Om__Figures *shown, om_time now, struct om_arena *a,
    Om__IssueBeginReply *out, om_err *e) OM_MUST;

/* What a begin answered: its number, held or not, and each kind of answer, which it must be. */
const char *ifx_number(const Om__IssueBeginReply *begun);
Om__HeldNumber *ifx_held(const Om__IssueBeginReply *begun, Om__IssueRole role);
Om__WantedFile *ifx_wanted(const Om__IssueBeginReply *begun);
Om__Document *ifx_known(const Om__IssueBeginReply *begun);

/* What became of the last step. */
struct ifx_done {
	Om__Document *document;
	bool known;
	bool added; /* a file, not a number */
};

/* ifx_finish stores a file with a total of 12.30 USD, or what takes it back, as
 * reportd does after that begin. */
om_status ifx_finish(struct cd_pool *p, Om__IssueQuery *q, const Om__IssueBeginReply *begun, const void *file, size_t n,
    om_time now, struct om_arena *a, struct ifx_done *out, om_err *e) OM_MUST;

/* ifx_issue does both at once; the file's content is the request's name. */
Om__Document *ifx_issue(Om__IssueQuery *q, om_time now);

/* ifx_figures are what documents of ifx_finish show. */
Om__Figures ifx_figures(void);
/* ifx_pack_figures gives a statement of those figures, as a document keeps it. */
ProtobufCBinaryData ifx_pack_figures(struct om_arena *a);

/* Requests of user u-1, October 2026. */
Om__IssueQuery ifx_user(const char *request);
Om__IssueQuery ifx_user_of(const char *request, Om__Format format);
Om__IssueQuery ifx_duplicate(const char *request, Om__Format format);
Om__IssueQuery ifx_cancellation(const char *request, const char *of);
Om__IssueQuery ifx_correction(const char *request, const char *of);

om_status ifx_begin_now(Om__IssueQuery *q, Om__IssueBeginReply *out, om_err *e) OM_MUST;
/* ifx_take begins as the delivery does. */
om_status ifx_take(Om__IssueQuery *q, const Om__Figures *shown, Om__IssueBeginReply *out, om_err *e) OM_MUST;
Om__Document *ifx_issue_now(Om__IssueQuery q);

/* ifx_expect_refused: with OM_CONFLICT, in these words. */
void ifx_expect_refused(Om__IssueQuery q, const char *words);

/* ifx_expect_file compares a small file of a document. */
void ifx_expect_file(const char *number, Om__Format format, bool is_duplicate, const char *content);

Om__Document *ifx_load(const char *number);

#endif
