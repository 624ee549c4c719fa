/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * groups.h - totals by groups, as the usage call and the statement need them.
 */
#ifndef CD_GROUPS_H
#define CD_GROUPS_H

#include "database/db.h"
#include "value/period.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

typedef enum cd_order {
	CD_ORDER_TIME_COST, /* day or month, then cost (highest first), then the other keys */
	CD_ORDER_USER_COST, /* user, then cost, then the other keys */
} cd_order;

struct cd_groups {
	const Om__Dimension *by;
	size_t n_by;
	cd_order order;
	size_t limit;
};

struct cd_group_rows {
	Om__UsageRow **rows; /* in the arena */
	size_t n;
	bool truncated;
};

/* cd_groups_check refuses unknown and repeated groups. */
om_status cd_groups_check(const Om__Dimension *by, size_t n, om_err *e) OM_MUST;

om_status cd_groups_read(struct cd_db *db, const struct cd_groups *g, const struct cd_period *p, const Om__Filter *f,
    struct om_arena *a, struct cd_group_rows *out, om_err *e) OM_MUST;

/* cd_total_read gives the sum over all. */
om_status cd_total_read(struct cd_db *db, const struct cd_period *p, const Om__Filter *f, struct om_arena *a,
    Om__Figures **out, om_err *e) OM_MUST;

#endif
