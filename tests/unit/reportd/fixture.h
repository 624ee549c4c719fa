/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fixture.h - costd's replies, made up, for the tests and the samples.
 *
 * Promise   The same arguments make the same reply.  All parts add up.
 * Limits    Instants are those of UTC, at an hour that is the same day in Europe
 *           and America.
 */
#ifndef RD_FIXTURE_H
#define RD_FIXTURE_H

#include "zone_fixture.h"
#include "source/month.h"
#include "statement.pb-c.h"
#include "wire/codec.h"

/* What a reply holds; zero: the least. */
struct fx_shape {
	const char *zone;         /* NULL: Europe/Berlin */
	int year, month;          /* 0: 2026-11 */
	const char *const *users; /* names; NULL: one user's statement */
	unsigned n_users;
	const char *user;          /* name, of a statement */
	const char *email;         /* of a statement */
	const char *const *models; /* names; NULL: model-0 … */
	unsigned n_models;
	unsigned n_requests; /* per user and model */
	unsigned days;       /* spread over so many days of the month; 0: 24 */
	const char *price;   /* of the first request; the others vary; NULL: 0.0012345 */
	unsigned unsettled;  /* so many requests have no cost */
	unsigned estimated;  /* so many of them have an estimate */
	unsigned rests;      /* rows beyond the requests of the first user and model: a cost, and no request */
	bool byok;
	uint32_t max_rows;
	bool running;      /* the month is not over */
	const char *group; /* of these users; NULL: of everyone */
	bool groups;       /* everyone's month has groups, which overlap */
	bool before;       /* it has the month before, per user and model */
};

#define FX_USER "u-1"

/* fx_reply makes a reply; aborts the test program when memory runs out. */
Om__StatementReply *fx_reply(struct om_arena *a, const struct fx_shape *shape);

/* fx_month is the month to go with it. */
struct rd_month fx_month(const struct fx_shape *shape);

extern const char *const fx_scripts[7]; /* names in seven scripts */

#endif
