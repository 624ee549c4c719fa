/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * model.h - one model, one name.
 *
 * Names     The provider lists a model by its id ("anthropic/claude-haiku-4.5")
 *           and writes another name into its books and traces, the list's
 *           `canonical_slug` ("anthropic/claude-4.5-haiku-20251001").  The table
 *           `model_name` leads from the second to the first.  Rows and totals
 *           keep the name that their records gave; a question about them asks by
 *           the model's name.  So a name that becomes known joins old rows, too.
 * Promise   A name in the table stays there; a later list may only lead it
 *           elsewhere.  What is an id of the list stands for itself.
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_MODEL_H
#define CD_MODEL_H

#include "pricing.h"
#include "database/db.h"
#include "names/names.h"
#include "base/arena.h"
#include "base/clock.h"

/* CD_MODEL_NAME is SQL for the name of the model that a column names; the column
 * stands with its table, for the look-up's own table has a column `model`. */
#define CD_MODEL_NAME(column) "COALESCE((SELECT mn.model FROM model_name AS mn WHERE mn.name=" column ")," column ")"

/* CD_MODEL_TEXT is the same for a column that holds the name's number (names/names.h). */
#define CD_MODEL_TEXT(column)                                                                                     \
	"(SELECT COALESCE(mn.model,mw.text) FROM word AS mw LEFT JOIN model_name AS mn ON mn.name=mw.text WHERE " \
	"mw.id=" column ")"

/* CD_MODEL_IS is SQL for "the column names this model, by whichever name"; it
 * takes the name CD_MODEL_IS_VALUES times.  All names are found first, so that an
 * index of the column serves. */
#define CD_MODEL_LISTED "COALESCE((SELECT mn.model FROM model_name AS mn WHERE mn.name=?),?)"
#define CD_MODEL_IS(column)                                                                                      \
	column " IN (SELECT n FROM (SELECT " CD_MODEL_LISTED " AS n UNION SELECT mo.name FROM model_name AS mo " \
	       "WHERE mo.model=" CD_MODEL_LISTED ") AS names)"
#define CD_MODEL_IS_VALUES 4u

/* cd_model_name gives the name of the model that `name` stands for, in the arena;
 * the name itself when nothing is known of it. */
om_status cd_model_name(struct cd_db *db, const char *name, size_t n, struct om_arena *a, const char **out,
    size_t *n_out, om_err *e) OM_MUST;

/* cd_model_names gives all names of the model that `name` stands for, at least that
 * one, in the arena. */
om_status cd_model_names(
    struct cd_db *db, const char *name, struct om_arena *a, const char *const **out, size_t *n_out, om_err *e) OM_MUST;

/* cd_model_names_store makes the names of a list (ascending by model) known. */
om_status cd_model_names_store(
    struct cd_db *db, const struct cd_tariff *list, size_t n, om_time now, struct om_arena *a, om_err *e) OM_MUST;

#endif
