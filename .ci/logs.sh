# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
#
# logs.sh - the logs of ./run: of each process the last 10 MB, and two older files of 10 MB.
# Sourced by ./run, whose functions and variables it uses.
: "${root:?}" "${home:?}"

log_bytes=10000000

rotate() { # LOG: keeps three of 10 MB
  [[ -f $1 && $(stat -c %s "$1") -gt $log_bytes ]] || return 0
  if [[ -f $1.1 ]]; then mv -f "$1.1" "$1.2"; fi
  mv -f "$1" "$1.1"
}

# keep_logs rotates the logs of processes that go on writing to them: they append, so that what they write next
# stands at the beginning of the emptied file.  Lines of the moment between the two are lost.
keep_logs() {
  local log
  while [[ -f $home/up ]]; do
    for log in "$home"/log/*.log; do
      [[ -f $log && $(stat -c %s "$log") -gt $log_bytes ]] || continue
      if [[ -f $log.1 ]]; then mv -f "$log.1" "$log.2"; fi
      tail -c "$log_bytes" "$log" >"$log.1"
      : >"$log"
    done
    read -r -t 5 <> <(:) || true # waits without a process
  done
}

start_keeper() {
  # shellcheck disable=SC2034 # launch takes both: the logs are ours, not the account's
  local -A environment=([METERING_HOME]=$home)
  # shellcheck disable=SC2034
  local as_account=()
  alive keeper || launch keeper "$root/run" keep-logs
}
