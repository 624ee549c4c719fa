/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * status.h - the outcome that every call returns, and its reason.
 *
 * Promise   Zero is success.  The number means the same in all services.
 * Owner     struct om_err lives with the caller, mostly on the stack; a call
 *           that succeeds leaves it untouched.  NULL is allowed everywhere.
 */
#ifndef OM_STATUS_H
#define OM_STATUS_H

#define OM_MUST               __attribute__((warn_unused_result))
#define OM_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define OM_AUTO(fini)         __attribute__((cleanup(fini)))

typedef enum om_status {
#define OM_STATUS(name, code, http, text) OM_##name = (code),
#include "status.def"
#undef OM_STATUS
} om_status;

typedef struct om_err {
	char text[256]; /* one line, fit for a person; never a secret */
} om_err;

/* om_status_text returns the table's text; "unknown status" for a number that the table
 * does not have. */
const char *om_status_text(om_status s);

/* om_status_http returns the HTTP status code that tells the same. */
int om_status_http(om_status s);

/* om_status_from_code returns the status with this code; a code that this
 * build does not know is OM_PROTOCOL. */
om_status om_status_from_code(unsigned code);

/* om_fail writes the formatted text to e, if there is one, and yields s, so
 * that a failing call is one return statement.  A macro so that compilers and
 * analysers see the value. */
#define om_fail(e, s, ...) ((void)om_err_write((e), __VA_ARGS__), (om_status)(s))

void om_err_write(om_err *e, const char *fmt, ...) OM_PRINTF(2, 3);

/* om_err_text returns e's text, or that of s when e is NULL or says nothing. */
const char *om_err_text(const om_err *e, om_status s);

#endif
