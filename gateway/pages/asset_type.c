/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "assets.h"

#include <string.h>

const char *
gw_asset_type(const char *name)
{
	static const struct {
		const char *end;
		const char *type;
	} types[] = {
	    {".html", "text/html; charset=utf-8"},
	    {".js", "text/javascript; charset=utf-8"},
	    {".css", "text/css; charset=utf-8"},
	    {".svg", "image/svg+xml"},
	    {".png", "image/png"},
	    {".ico", "image/x-icon"},
	    {".webp", "image/webp"},
	    {".woff2", "font/woff2"},
	    {".json", "application/json"},
	    {".webmanifest", "application/manifest+json"},
	    {".txt", "text/plain; charset=utf-8"},
	    {".map", "application/json"},
	};
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		size_t len = strlen(types[i].end);

		if (n > len && strcmp(name + n - len, types[i].end) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}
