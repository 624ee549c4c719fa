/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * logo.h - the issuer's logo: read, checked and decoded once, at the start.
 *
 * Shape     A JPEG stays as it is.  A PNG becomes rows of RGB, on white where
 *           it is transparent, and not larger than a page can show.
 * Limits    2 MB, 4000 pixels a side; no CMYK.
 * Failure   OM_INVALID with what is wrong with the file.
 */
#ifndef RD_LOGO_H
#define RD_LOGO_H

#include "issuer.h"
#include "base/status.h"

om_status rd_logo_open(const char *path, struct rd_image *out, om_err *e) OM_MUST;
void rd_logo_close(struct rd_image *logo);

#endif
