# SPDX-License-Identifier: AGPL-3.0-or-later
# cmake -DOUT=file.c -DIN=plugin.py -P plugin.cmake - the plugin's source as C, for plugin_source.h.
file(READ ${IN} hex HEX)
file(SHA256 ${IN} sum)
string(SUBSTRING ${sum} 0 32 sum)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "/* Made from ${IN} by plugin.cmake. */\n#include \"pages/plugin_source.h\"\n\n\
const char gw_plugin_source[] = {${bytes}};\n\
const size_t gw_plugin_bytes = sizeof gw_plugin_source;\n\
const char gw_plugin_etag[] = \"\\\"${sum}\\\"\";\n")
