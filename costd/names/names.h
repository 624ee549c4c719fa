/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * names.h - texts that many rows share, each once, and the numbers that stand for them.
 *
 * Room names
 *   Does      words (models, providers, sources, ...), sets of groups, and persons: their
 *             numbers, and the texts of numbers (in SQL, below)
 *   Owns      the tables word and group_set; of the table person, which rows there are
 *   Promises  a text has one number, a number one text, for ever; a number that is
 *             remembered here is committed
 *   Never     learns what a person is called, or what a row counts
 *
 * Persons   The tables of the ledger hold a person's number.  Records are joined and compared
 *           by the person's handle, a keyed hash of the sender's user id, since the number
 *           depends on who came first.  Who is not known has the handle OM_USER_UNKNOWN and
 *           the number CD_PERSON_UNKNOWN.
 * Failure   As db.h.
 * Threads   All calls from any thread, cd_names_open before all others.
 */
#ifndef CD_NAMES_H
#define CD_NAMES_H

#include "kind.h"
#include "database/pool.h"

#define CD_HANDLE         32 /* characters, hexadecimal digits but for OM_USER_UNKNOWN */
#define CD_PERSON_UNKNOWN 1

/* cd_names_open reads the key of the handles, which it makes when there is none, and forgets
 * all numbers.  Commits. */
om_status cd_names_open(struct cd_db *db, om_err *e) OM_MUST;

/* cd_handle writes the handle of a user's id, with a zero byte after it. */
om_status cd_handle(const char *id, size_t n, char out[CD_HANDLE + 1], om_err *e) OM_MUST;

/* cd_names_find gives the number of a word, of a set's text (value/group_set.h) or of a person's
 * handle; 0: it has none. */
om_status cd_names_find(struct cd_db *db, cd_name kind, const char *text, size_t n, int64_t *out, om_err *e) OM_MUST;

/* cd_names_number is cd_names_find of a text that must have a number; OM_STORE: it has none. */
om_status cd_names_number(struct cd_db *db, cd_name kind, const char *text, size_t n, int64_t *out, om_err *e) OM_MUST;

/* cd_names_check: OM_STORE when the database has fewer names than this process remembers, as
 * one that was put back to an earlier day; all are forgotten then. */
om_status cd_names_check(struct cd_db *db, om_err *e) OM_MUST;

/* cd_names_forget forgets all numbers, as after a transaction that was not committed. */
void cd_names_forget(void);

/* SQL for the text of the number that a column holds; null where there is none. */
#define CD_WORD_TEXT(column)   "(SELECT w.text FROM word AS w WHERE w.id=" column ")"
#define CD_GROUPS_TEXT(column) "(SELECT s.text FROM group_set AS s WHERE s.id=" column ")"
#define CD_HANDLE_TEXT(column) "(SELECT h.handle FROM person AS h WHERE h.id=" column ")"
/* The person's own id, whoever they are merged into. */
#define CD_OWN_ID_TEXT(column) "(SELECT o.external_id FROM person AS o WHERE o.id=" column ")"
/* The person that a person is shown as: the one they were merged into, or they themselves. */
#define CD_SHOWN(person) "COALESCE(" person ".shown," person ".id)"
#define CD_SHOWN_TEXT(what, column) \
	"(SELECT sh." what " FROM person AS pe JOIN person AS sh ON sh.id=" CD_SHOWN("pe") " WHERE pe.id=" column ")"
#define CD_SHOWN_ID_TEXT(column)   CD_SHOWN_TEXT("external_id", column)
#define CD_SHOWN_NAME_TEXT(column) CD_SHOWN_TEXT("name", column)

#endif
