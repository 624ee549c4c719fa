#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# run.sh - chat through real Open WebUIs with the plugin in them.
#
#   tests/openwebui/run.sh [--receiver] [--keep] [VERSION ...]
#
# Installs each version from PyPI into a virtual environment of its own (some 4 GB
# and some minutes each, once), starts it on a free port with a data folder of its
# own, installs the plugin over its API, chats, and compares the ledger with what
# the stub provider sold.  --receiver leaves ./run out and keeps the records in a
# receiver of the tests.  Exit code 0 if all versions passed.
#
# OWUI_VENVS    where the virtual environments are (default /tmp/owui-venvs)
# OWUI_WORK     where the data folders are (default /tmp/owui-drive)
# OWUI_PYTHON   a Python 3.11 or 3.12 (default python3)
# OWUI_TORCH    the torch to install first; a CPU build is enough (default torch)
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
venvs=${OWUI_VENVS:-/tmp/owui-venvs}
work=${OWUI_WORK:-/tmp/owui-drive}
options=() versions=()
for word in "$@"; do
  case $word in
    --receiver | --keep) options+=("$word") ;;
    -h | --help) sed -n '3,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) echo "unknown option $word" >&2; exit 2 ;;
    *) versions+=("$word") ;;
  esac
done
if ((${#versions[@]} == 0)); then
  versions=(0.12.4 0.8.12) # one with outlet on the server, one with outlet in the browser
fi

failed=()
for version in "${versions[@]}"; do
  venv=$venvs/v$version
  if [[ ! -x $venv/bin/open-webui ]]; then
    echo "installing Open WebUI $version into $venv ..."
    mkdir -p "$venvs"
    "${OWUI_PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet "${OWUI_TORCH:-torch}"
    "$venv/bin/pip" install --quiet "open-webui==$version"
  fi
  "$venv/bin/python" "$here/drive.py" --venv "$venv" --work "$work/$version" "${options[@]}" || failed+=("$version")
done
if ((${#failed[@]})); then
  echo "failed: ${failed[*]} (see $work)" >&2
  exit 1
fi
echo "passed: ${versions[*]}"
