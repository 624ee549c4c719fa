#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# run.sh - chat through real Open WebUIs with the plugin in them.
#
#   tests/openwebui/run.sh [--receiver] [--short] [--only REGEX] [--keep] [VERSION ...]
#
# Installs each version from PyPI into a virtual environment of its own (some 4 GB
# and some minutes each, once), starts it on a free port with a data folder of its
# own, installs the plugin over its API, chats, and compares the ledger with what
# the stub provider sold.  --receiver leaves ./run out and keeps the records in a
# receiver of the tests; --short does what ten minutes are enough for, by default with
# the newest of the versions below; --only does the scenarios whose names match.  The
# VERSION "newest" is the newest there is.  Prints for each version how many requests of
# each kind left a row, and which.  Ends with "N passed, N failed", the scenarios of all
# versions together; the exit code is 0 if none failed, 3 if there is no Python for it.
#
# OWUI_VENVS    where the virtual environments are (default /tmp/owui-venvs)
# OWUI_WORK     where the data folders are (default /tmp/owui-drive)
# OWUI_PYTHON   a Python 3.11 or 3.12 (default: the first of python3.12, python3.11, python3 that is one)
# OWUI_TORCH    the torch to install first; a CPU build is enough (default torch)
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
venvs=${OWUI_VENVS:-/tmp/owui-venvs}
work=${OWUI_WORK:-/tmp/owui-drive}
lines=(0.12.4 0.11.4 0.8.12 0.6.43) # the newest of each line that is supported
options=() versions=()
while (($#)); do
  case $1 in
    --receiver | --keep) options+=("$1") ;;
    --short) options+=("$1") lines=("${lines[0]}") ;;
    --only) options+=("$1" "${2:?--only needs a regular expression}") && shift ;;
    -h | --help) sed -n '3,24s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) echo "unknown option $1" >&2; exit 2 ;;
    *) versions+=("$1") ;;
  esac
  shift
done
if ((${#versions[@]} == 0)); then versions=("${lines[@]}"); fi

python_of() { # the Python to make virtual environments with
  local one
  for one in ${OWUI_PYTHON:-python3.12 python3.11 /usr/bin/python3 python3}; do
    if "$one" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
      printf '%s' "$one"
      return
    fi
  done
  echo "Open WebUI needs Python 3.11 or 3.12 with venv; name one with OWUI_PYTHON" >&2
  return 1
}

newest() { # the newest version that can be installed
  local python
  python=$(python_of) || exit 3
  "$python" -m pip index versions open-webui 2>/dev/null | sed -n '1s/^open-webui (\(.*\))$/\1/p'
}

# What an interrupted one left is made again: the program itself comes last.
install() { # VERSION VENV
  local python
  python=$(python_of) || exit 3
  echo "installing Open WebUI $1 into $2 ..."
  rm -rf "$2"
  mkdir -p "$venvs"
  "$python" -m venv "$2" &&
    "$2/bin/pip" install --quiet "${OWUI_TORCH:-torch}" &&
    "$2/bin/pip" install --quiet "open-webui==$1"
}

failed=() sum_passed=0 sum_failed=0
mkdir -p "$work"
for version in "${versions[@]}"; do
  if [[ $version == newest ]]; then version=$(newest); fi
  if [[ -z $version ]]; then
    echo "the newest version of Open WebUI cannot be learned" >&2
    failed+=(newest) sum_failed=$((sum_failed + 1))
    continue
  fi
  venv=$venvs/v$version rc=0
  if [[ ! -x $venv/bin/open-webui ]] && ! install "$version" "$venv"; then
    echo "Open WebUI $version could not be installed" >&2
    failed+=("$version") sum_failed=$((sum_failed + 1))
    continue
  fi
  # tee -i: an interrupted driver still tells what it does about it
  "$venv/bin/python" "$here/drive.py" --venv "$venv" --work "$work/$version" "${options[@]}" 2>&1 |
    tee -i "$work/$version.log" || rc=$?
  read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/$version.log" | tail -n 1) || p=0 f=0
  if ((rc != 0 && f == 0)); then f=1; fi
  sum_passed=$((sum_passed + p)) sum_failed=$((sum_failed + f))
  if ((f > 0)); then failed+=("$version"); fi
done
if ((${#failed[@]})); then echo "failed: ${failed[*]} (see $work)" >&2; fi
echo "$sum_passed passed, $sum_failed failed"
((sum_failed == 0 && sum_passed > 0))
