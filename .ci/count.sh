# shellcheck shell=bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# count.sh - runs test programs, reads from their output how many tests passed
# and failed, and adds up.  Sourced by .ci/test and .ci/run with `root` set.
: "${root:?}"

passed=0 failed=0
counted=()
logs=$root/build/log/tests
mkdir -p "$logs"

log_of() { printf '%s/%s.log' "$logs" "$(tr -c 'A-Za-z0-9\n' '-' <<<"$1")"; }

# numbers LOG -> "passed failed", from the last lines that pytest, ctest,
# vitest, node --test or this script itself end with.
numbers() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    # 98% tests passed, 1 tests failed out of 50
    /tests passed, [0-9]+ tests failed out of [0-9]+/ { match($0, /, [0-9]+ tests failed/); f = num(RSTART); match($0, /out of [0-9]+/); p = num(RSTART) - f }
    # 12 passed, 1 failed, 2 errors in 3.4s    and    12 passed, 1 failed
    /^=* ?[0-9]+ (passed|failed|error|skipped)/ { p = number_of(" passed"); f = number_of(" failed") + number_of(" error") }
    # Tests  1 failed | 12 passed (13)
    /^ *Tests +[0-9]/ { p = number_of(" passed"); f = number_of(" failed") }
    # # pass 12     ℹ fail 1
    /^(#|ℹ) pass [0-9]+$/ { p = $3 }
    /^(#|ℹ) fail [0-9]+$/ { f = $3 }
    function num(at) { s = substr($0, at); gsub(/^[^0-9]*/, "", s); return s + 0 }
    function number_of(word) { return match($0, "[0-9]+" word) ? num(RSTART) : 0 }
    END { print p + 0, f + 0 }'
}

# tally NAME LOG CODE adds what LOG says; a failure that names no failed test counts as one.
tally() {
  local p f
  read -r p f < <(numbers "$2")
  if (($3 != 0 && f == 0)); then f=1; fi
  if (($3 == 0 && p == 0)); then f=1 && printf '%s: nothing was tested\n' "$1"; fi
  passed=$((passed + p)) failed=$((failed + f))
  counted+=("$(printf '%5d passed %4d failed  %4d s  %s' "$p" "$f" "$((SECONDS - ${begun:-SECONDS}))" "$1")")
}

# count NAME COMMAND... runs tests and counts them.
count() {
  local name=$1 log rc=0 begun=$SECONDS
  shift
  log=$(log_of "$name")
  printf '\n==== %s\n' "$name"
  "$@" 2>&1 | tee "$log" || rc=$?
  tally "$name" "$log" "$rc"
}

# count_step NAME COMMAND... is one check: quiet if it passes, all of its output if not.
count_step() {
  local name=$1 log rc=0 begun=$SECONDS
  shift
  log=$(log_of "$name")
  printf '\n==== %s\n' "$name"
  "$@" >"$log" 2>&1 || rc=$?
  if ((rc == 0)); then passed=$((passed + 1)); else
    failed=$((failed + 1))
    tail -n 150 "$log"
    printf '%s failed with exit code %d\n' "$name" "$rc"
  fi
  counted+=("$(printf '%5d passed %4d failed  %4d s  %s' "$((rc == 0))" "$((rc != 0))" "$((SECONDS - begun))" "$name")")
  return "$rc"
}

# finish prints what was counted and ends with the sum.
finish() {
  printf '\n'
  printf '%s\n' "${counted[@]}"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0)) || exit 1
  exit 0
}
