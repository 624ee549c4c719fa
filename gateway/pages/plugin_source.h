/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * plugin_source.h - the plugin of this source tree, put into the program at build
 * time by tools/plugin.cmake.
 */
#ifndef GW_PLUGIN_SOURCE_H
#define GW_PLUGIN_SOURCE_H

#include <stddef.h>

extern const char gw_plugin_source[];
extern const size_t gw_plugin_bytes;
extern const char gw_plugin_etag[]; /* with its quotes */

#endif
