/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * read.h - the read API: each call answers one question of proto/messages from
 * one state of the database.
 *
 * Room read
 *   Does      answers questions about the ledger
 *   Owns      the readings that stay open (reading.h)
 *   Promises  each answer is of one snapshot
 *   Never     writes, or locks a row
 *
 * Owner     Replies live in the arena.
 * Threads   All calls from any thread.
 */
#ifndef CD_READ_H
#define CD_READ_H

#include "reading.h"
#include "database/pool.h"
#include "envelope.pb-c.h"
#include "settle.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/day.h"
#include "wire/codec.h"

om_status cd_usage_read(struct cd_pool *p, const Om__UsageQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__UsageReply *out, om_err *e) OM_MUST;
om_status cd_generations_read(struct cd_pool *p, const Om__GenerationsQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__GenerationsReply *out, om_err *e) OM_MUST;
om_status cd_generation_read(struct cd_pool *p, const Om__GenerationQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__GenerationReply *out, om_err *e) OM_MUST;
/* cd_pipeline_read leaves out what the database does not know. */
om_status cd_pipeline_read(
    struct cd_pool *p, int64_t deadline_ms, Om__PipelineReply *out, struct om_arena *a, om_err *e) OM_MUST;
/* cd_first_day_read gives the first local day with usage. */
om_status cd_first_day_read(struct cd_pool *p, int64_t deadline_ms, bool *found_out, om_day *out, om_err *e) OM_MUST;
/* cd_user_read gives one user; OM_NOT_FOUND: there is none. */
om_status cd_user_read(struct cd_pool *p, const Om__UserQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__UserReply *out, om_err *e) OM_MUST;
om_status cd_users_read(struct cd_pool *p, const Om__UsersQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__UsersReply *out, om_err *e) OM_MUST;
om_status cd_statement_read(struct cd_pool *p, struct cd_readings *r, const Om__StatementQuery *q, int64_t deadline_ms,
    struct om_arena *a, Om__StatementReply *out, om_err *e) OM_MUST;

om_status cd_prices_read(struct cd_pool *p, const Om__PricesQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__PricesReply *out, om_err *e) OM_MUST;
om_status cd_unsettled_read(struct cd_pool *p, bool have_key, const Om__UnsettledQuery *q, int64_t deadline_ms,
    struct om_arena *a, Om__UnsettledReply *out, om_err *e) OM_MUST;
om_status cd_dead_letters_read(struct cd_pool *p, const Om__DeadLettersQuery *q, int64_t deadline_ms,
    struct om_arena *a, Om__DeadLettersReply *out, om_err *e) OM_MUST;
om_status cd_discrepancies_read(struct cd_pool *p, const Om__DiscrepanciesQuery *q, int64_t deadline_ms,
    struct om_arena *a, Om__DiscrepanciesReply *out, om_err *e) OM_MUST;
/* cd_disputes_read gives rows that are in dispute or marked, newest first; cd_disputes_count counts them. */
om_status cd_disputes_read(struct cd_pool *p, const Om__DisputesQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DisputesReply *out, om_err *e) OM_MUST;
struct cd_marked_counts {
	int64_t disputed, unproven, odd_day;
};
om_status cd_disputes_count(struct cd_db *db, struct cd_marked_counts *out, om_err *e) OM_MUST;

#endif
