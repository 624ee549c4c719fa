# SPDX-License-Identifier: AGPL-3.0-or-later
# Every file words/locale/<tag>.def is a language; English first, since it says which
# texts there are.
file(GLOB RD_LANGUAGE_FILES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/locale/*.def)
list(SORT RD_LANGUAGE_FILES)
set(RD_LANGUAGES "")
foreach(file IN LISTS RD_LANGUAGE_FILES)
  get_filename_component(tag ${file} NAME_WE)
  list(APPEND RD_LANGUAGES ${tag})
endforeach()
list(REMOVE_ITEM RD_LANGUAGES en)
list(PREPEND RD_LANGUAGES en)

set(parts "")
set(names "")
foreach(tag IN LISTS RD_LANGUAGES)
  string(APPEND parts "#define RD_LANG ${tag}\n#define RD_LANG_FILE \"words/locale/${tag}.def\"\n#include \"words/locale/language.inc\"\n")
  string(APPEND names " &locale_${tag},")
endforeach()
string(REPLACE ";" "|" choices "${RD_LANGUAGES}")
set(RD_GENERATED ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(CONFIGURE OUTPUT ${RD_GENERATED}/locales.inc CONTENT
  "${parts}static const struct rd_locale *const languages[] = {${names}};\n" @ONLY)
file(CONFIGURE OUTPUT ${RD_GENERATED}/locales.h CONTENT "#define RD_LOCALES \"${choices}\"\n" @ONLY)
