# shellcheck shell=bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# count.sh - runs the steps of a check, one after the other or in lanes side by side;
# counts what passed and failed, and times each step.  Sourced with `root` set.
#
#   count NAME COMMAND...       a program with tests: its closing line says how many passed and failed
#   count_step NAME COMMAND...  one check: it passes or fails
#   lanes FUNCTION...           functions made of these, side by side
#   finish                      the table of times, "N passed, N failed", the exit code
#
# A step's output is in build/log/tests/NAME.log.  A lane shows of it only the red
# tests, each as it happens and with the command that runs it alone (`RED ...`, see
# tests/support/alone.py), and the end of what failed.  The table stays in
# build/log/times-SCRIPT.txt.  A step may be a script that counts steps of its own:
# they stand in the table below it and are not added again.
: "${root:?}"

logs=$root/build/log/tests
mkdir -p "$logs"
script_name=$(basename "$0")
in_lane='' lane_pids=() begun_all=$SECONDS

# One line per finished step: the step it is a part of, its name, passed, failed, seconds, seconds of processor.
if [[ -z ${METERING_STEPS:-} ]]; then
  METERING_STEPS=$(mktemp "$logs/steps.XXXXXX")
  export METERING_STEPS
  made_steps=1
fi
parent=${METERING_STEP:-}

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

# run_timed COMMAND... sets `wall` and `cpu` to its seconds; the exit code is the command's.
run_timed() {
  local rc=0 measured TIMEFORMAT='%R %U %S'
  measured=$(mktemp "$logs/time.XXXXXX")
  { time "$@" 2>&3; } 3>&2 2>"$measured" || rc=$?
  read -r wall cpu < <(awk 'END { printf "%d %d\n", $1 + 0.5, $2 + $3 + 0.5 }' "$measured")
  rm -f "$measured"
  return "$rc"
}

note_step() { # NAME PASSED FAILED WALL CPU
  printf '%s\t%s\t%d\t%d\t%d\t%d\n' "$parent" "$@" >>"$METERING_STEPS"
  if [[ -n $in_lane ]]; then
    printf '[%3d:%02d] %s: %d passed, %d failed, %d s\n' $(((SECONDS - begun_all) / 60)) $(((SECONDS - begun_all) % 60)) "$1" "$2" "$3" "$4"
  fi
}

begin_step() { # NAME
  if [[ -z $in_lane ]]; then printf '\n==== %s\n' "$1"; fi
}

# shown passes on what a person should see of a step while it runs.
shown() { if [[ -n $in_lane ]]; then grep --line-buffered '^RED ' || true; else cat; fi; }

# logged LOG COMMAND...: the output, with what alone.py says of red tests, into LOG and to the screen.
logged() {
  local log=$1
  shift
  "$@" 2>&1 | /usr/bin/python3 "$root/tests/support/alone.py" | tee -i "$log" | shown
}

# count NAME COMMAND... always succeeds; finish has the verdict.  A failure that names no failed test counts as one, and so does a success of no test.
count() {
  local name=$1 log rc=0 wall cpu p f
  shift
  log=$(log_of "$name")
  begin_step "$name"
  METERING_STEP=$name run_timed logged "$log" "$@" || rc=$?
  read -r p f < <(numbers "$log")
  if ((rc != 0 && f == 0)); then f=1; fi
  if ((rc == 0 && p == 0)); then f=1 && printf '%s: nothing was tested\n' "$name"; fi
  if ((f > 0)) && [[ -n $in_lane ]]; then tail -n 150 "$log" | grep -v '^RED '; fi
  note_step "$name" "$p" "$f" "$wall" "$cpu"
}

# count_step NAME COMMAND... is quiet if it passes and shows the end of its output if not.
count_step() {
  local name=$1 log rc=0 wall cpu
  shift
  log=$(log_of "$name")
  begin_step "$name"
  run_timed "$@" >"$log" 2>&1 </dev/null || rc=$?
  if ((rc != 0)); then
    printf 'RED %s, exit code %d; again: %s; its output is %s\n' "$name" "$rc" "${again:-.ci/$script_name}" "$log"
    tail -n 150 "$log"
  fi
  note_step "$name" "$((rc == 0))" "$((rc != 0))" "$wall" "$cpu"
  return "$rc"
}

# lanes FUNCTION... gives each a process group of its own: an interrupt reaches all
# that a lane has started, and tests that are interrupted end their servers.
lanes() {
  local lane pid
  set -m
  for lane in "$@"; do
    (
      set +em
      in_lane=$lane
      "$lane" || true
    ) </dev/null &
    lane_pids+=("$!")
  done
  set +m
  trap 'exit 130' INT TERM HUP
  for pid in "${lane_pids[@]}"; do
    wait "$pid" || note_step "a lane that ended with exit code $?" 0 1 0 0
  done
  lane_pids=()
}

end_steps() {
  local pid
  for pid in "${lane_pids[@]}"; do kill -INT -- "-$pid" 2>/dev/null || true; done
  for pid in "${lane_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [[ -n ${made_steps:-} ]]; then rm -f "$METERING_STEPS"; fi
}
trap 'end_steps; if declare -F end_long >/dev/null; then end_long; fi' EXIT

# finish prints the table, keeps it, and ends with the sum.
finish() {
  local table=$root/build/log/times-$script_name.txt passed failed
  awk -F '\t' -v parent="$parent" -v all=$((SECONDS - begun_all)) '
    { rows[$1] = rows[$1] sprintf("%6d passed %4d failed %6d s %6d s  %s%s\n", $3, $4, $5, $6, $1 == parent ? "" : "  ", $2); order[NR] = $0 }
    END {
      printf "%6s        %4s         wall     cpu\n", "", ""
      for (i = 1; i <= NR; i++) {
        split(order[i], of, "\t")
        if (of[1] != parent) continue
        printf "%6d passed %4d failed %6d s %6d s  %s\n%s", of[3], of[4], of[5], of[6], of[2], of[2] == parent ? "" : rows[of[2]]
      }
      printf "%36d s of wall time in all\n", all
    }' "$METERING_STEPS" >"$table"
  read -r passed failed < <(awk -F '\t' -v parent="$parent" '$1 == parent { p += $3; f += $4 } END { print p + 0, f + 0 }' "$METERING_STEPS")
  printf '\n'
  cat "$table"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0)) || exit 1
  exit 0
}
