/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * files.h - what the calls about documents and files share.
 */
#ifndef GW_API_DOCUMENTS_H
#define GW_API_DOCUMENTS_H

#include "peers/job.h"

/* gw_locale_read reads the parameter `locale`; NULL when it was not given. */
om_status gw_locale_read(struct gw_req *rq, char **out, om_err *e) OM_MUST;

/* gw_export_write writes how an export is. */
void gw_export_write(struct gw_reply *rp, const struct gw_job *job);

#endif
