/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * entry.h - entries of the journal: records without what is a person's.
 *
 * Shape     What stands in columns of its own is not packed: the record's id, its receipt, the
 *           hash of what the sender sent, and the user.  Of the user the entry has the number of
 *           the person and that of the groups; the name, the address and the role stand in the
 *           table person alone.  A record that is read again has the person's handle as the
 *           user's id.
 * Owner     Results live in the arena.
 */
#ifndef CD_ENTRY_H
#define CD_ENTRY_H

#include "database/db.h"
#include "names/names.h"
#include "value/join.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "base/digest.h"

/* The column `rules`. */
enum { CD_RULES_OF_NOW = 1, CD_RULES_NOBODY = 2 };

/* What is kept of a record's user, beside the packed record. */
struct cd_entry {
	char handle[CD_HANDLE + 1];
	const char *groups; /* a text of group_set.h; "": not said */
	const void *packed;
	size_t n_packed;
};

/* cd_entry_hide makes the entry of a record that fits, and puts the handle in place of the user's
 * id; *user_out is the user as the record had it. */
om_status cd_entry_hide(
    Om__Record *r, struct om_arena *a, struct cd_entry *out, const Om__User **user_out, om_err *e) OM_MUST;

/* The columns that an entry is read from; the table is called r.  user: what stands for the user's
 * id, CD_HANDLE_TEXT("r.person") for a row. */
#define CD_ENTRY_COLUMNS_OF(user)                                                                                  \
	"r.record_id,r.payload,r.received_us,r.rules,r.content_kind,r.content," user "," CD_GROUPS_TEXT("r.group_" \
													"set")
#define CD_ENTRY_COLUMNS CD_ENTRY_COLUMNS_OF(CD_HANDLE_TEXT("r.person"))
enum { CD_N_ENTRY_COLUMNS = 8 };

/* cd_entry_read makes an entry the record it was, made fit; cd_entry_row also gives its row, as it was
 * read when it came.  v: the columns from the first of CD_ENTRY_COLUMNS on. */
om_status cd_entry_read(
    const struct cd_val *v, struct om_arena *a, Om__Record **out, struct cd_how *how_out, om_err *e) OM_MUST;
om_status cd_entry_row(const struct cd_val *v, struct om_arena *a, Om__Record **rec_out, struct cd_how *how_out,
    struct cd_row *out, om_err *e) OM_MUST;

/* cd_key_hash is the column key_hash of a row's id. */
om_status cd_key_hash(struct cd_text key, int64_t *out, om_err *e) OM_MUST;

#endif
