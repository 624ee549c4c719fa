/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kept_figures.h"

#include "figures.h"
#include "wire/codec.h"

#define MOST_FIGURES ((size_t)3 * 1024 * 1024) /* fits the database's packets beside the other columns */

om_status
rd_kept_figures_pack(const Om__StatementReply *r, struct om_arena *a, ProtobufCBinaryData *out, om_err *e)
{
	Om__StatementReply kept = *r;
	size_t n;

	kept.n_generations = 0;
	kept.generations = NULL;
	kept.has_reading_id = false;
	om_msg_ready(&kept.base);
	n = om__statement_reply__get_packed_size(&kept);
	if (n > MOST_FIGURES) { /* thousands of users: what each used of each model is in the file */
		kept.n_user_models = 0;
		n = om__statement_reply__get_packed_size(&kept);
	}
	*out = (ProtobufCBinaryData){.data = om_arena_alloc(a, n + 1)};
	if (out->data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	out->len = om__statement_reply__pack(&kept, out->data);
	return OM_OK;
}

om_status
rd_kept_figures_unpack(const ProtobufCBinaryData *kept, struct om_arena *a, Om__StatementReply **out, om_err *e)
{
	if (om_msg_unpack(&om__statement_reply__descriptor, kept->data, kept->len, a, out, e) != OM_OK)
		return om_fail(e, OM_DAMAGED, "the figures that the document kept cannot be read");
	(*out)->rows_left_out = rd_n_rows(*out);
	return OM_OK;
}

bool
rd_kept_figures_lack_people(const Om__StatementReply *kept)
{
	return kept->n_users > 0 && kept->n_user_models == 0;
}
