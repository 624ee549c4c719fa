/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pdf.h - a document written as the bytes of a PDF.
 *
 * Does      Lays a document out on pages: what stands where, in which type.
 * Owns      Nothing: fonts are borrowed, the bytes live in the arena.
 * Promises  Same document, same bytes.  Nothing is returned but a complete file.
 *           Any text is set or shown as replaced; none runs anything.
 * Never     Asks costd; writes a file; changes a figure.
 * Threads   Any thread; several at once.
 */
#ifndef RD_PDF_H
#define RD_PDF_H

#include "font.h"
#include "document/doc.h"
#include "terms/terms.h"

struct rd_file {
	unsigned char *data;
	size_t n;
	const char *name;
	const char *content_type;
};

om_status rd_write_pdf(const struct rd_doc *d, const struct rd_fonts *fonts, rd_paper paper, struct om_arena *a,
    struct rd_file *out, om_err *e) OM_MUST;

#endif
