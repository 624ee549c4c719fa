# shellcheck shell=bash
# shellcheck disable=SC2004,SC2034,SC2154 # variables of ./run
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# given.sh - the settings that the caller's environment gives to ./run.
# Sourced by ./run, whose functions and variables it uses.
: "${root:?}" "${home:?}"

# Settings of the older OWUI-Metering that these services do not have.
declare -A without_effect=(
  [ACTIVITY_RETENTION]="usage is kept; nothing is deleted by its age"
)
new_given=() # names of those that this start gave and the last one did not

# read_given takes every setting of the services that the caller's environment
# has.  They hold until ./run stop, so that a part brought back later is the same.
read_given() {
  local name form
  declare -A before=()
  if [[ -f $home/up ]]; then read_env "$home/given.env" before; else rm -f "$home/given.env"; fi
  given=() new_given=()
  for name in "${!before[@]}"; do given[$name]=${before[$name]}; done
  while read -r name; do
    for form in "$name" "${name}_FILE"; do
      [[ -n ${!form:-} ]] || continue
      [[ ${!form} != *$'\n'* ]] || die "$form must be one line" 2
      unset "given[$name]" "given[${name}_FILE]"
      if [[ $form == *_FILE ]]; then given[$form]=$(realpath -m -- "${!form}"); else given[$form]=${!form}; fi
      [[ ${given[$form]} == "${before[$form]:-}" ]] || new_given+=("$form")
    done
  done < <(for name in "${services[@]}"; do settings_of "$name"; done | sort -u)
  for name in "${!without_effect[@]}"; do
    [[ -z ${!name:-} ]] || warn "$name has no effect: ${without_effect[$name]}"
  done
  tell_missing
  trap 'tell_not_kept; end_long' EXIT
}

# keep_given remembers them once the services run with them: one that no service starts with would
# fail each later start, too.
keep_given() {
  write_env "$home/given.env" given
  rm -f "$home/given.names"
  trap end_long EXIT
}

# tell_not_kept: what was given with a start that failed is not left out of the next one in silence.
tell_not_kept() {
  ((${#new_given[@]} == 0)) || warn "run: not kept, as the start failed: ${new_given[*]}; give what is right again with the next start"
}

# name_kept names the settings that were given and are remembered: one of them may be why a start fails.
name_kept() {
  local -A kept=()
  read_env "$home/given.env" kept
  ((${#kept[@]} == 0)) || printf ' (with settings that were given and are kept until ./run stop: %s)' "${!kept[*]}"
}

# tell_missing names what was set before ./run stop and is not any more: terms of a
# month are among it, and an oversight must not change what a user is charged.
tell_missing() {
  local name
  [[ -f $home/given.names ]] || return 0
  while read -r name; do
    name=${name%_FILE}
    [[ -n ${given[$name]:-}${given[${name}_FILE]:-} ]] || warn "$name was set before ./run stop, and is not any more: its default counts"
  done <"$home/given.names"
}
