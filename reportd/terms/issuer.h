/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * issuer.h - who issues documents: name, address and logo, as they are printed.
 *
 * Shape     Texts are clean (see words/clean.h).
 * Owner     All is borrowed.
 */
#ifndef RD_ISSUER_H
#define RD_ISSUER_H

#include <stdbool.h>
#include <stddef.h>

/* A picture, read and checked once at the start (see logo.h). */
struct rd_image {
	bool jpeg;                 /* data is the file; otherwise rows of RGB */
	const unsigned char *data; /* borrowed from the caller that read it */
	size_t n;
	unsigned width, height;
};

/* Who issues documents; texts that are not set are NULL. */
struct rd_issuer {
	const char *name;
	const char *address; /* lines separated by \n, as in contact and footer */
	const char *vat_id;
	const char *contact;
	const char *footer;
	const struct rd_image *logo;
};

#endif
