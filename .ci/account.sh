# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of ./run
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# account.sh - the account that the processes of ./run have.
# Sourced by ./run, whose functions and variables it uses.
: "${root:?}" "${home:?}"

# As root the processes run as an account that has no shell, no privileges, and nothing of its own but the
# data; this program stays root, and the secrets that it keeps are root's.
account='' # empty: that of the caller
as_account=()
as_root_in_db=()

choose_account() {
  ((EUID == 0)) || return 0
  account=${METERING_USER:-owui-metering}
  if [[ $account == root ]]; then
    account='' as_root_in_db=(--user=root)
    return
  fi
  id -u "$account" >/dev/null 2>&1 ||
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$account" ||
    die "the account $account cannot be made; name one with METERING_USER=... (root is one)"
  as_account=(setpriv "--reuid=$account" "--regid=$(id -g "$account")" --clear-groups --no-new-privs --inh-caps=-all)
  if setpriv --bounding-set=-all true 2>/dev/null; then as_account+=(--bounding-set=-all); fi # not in every container
}

may() { "${as_account[@]}" test "-$1" "$2"; } # RIGHT PATH: has the account this right?

allow() { # RIGHTS PATH: gives the account, and no other, these rights
  setfacl -R -m "u:$account:$1" "$2" || die "$account cannot be given access to $2; put it elsewhere, or say METERING_USER=root"
}

# let_in PATH: the account may pass the folders above it, /root for instance, without seeing what is in them.
let_in() {
  local part path='' parts
  IFS=/ read -r -a parts <<<"$(dirname "$(realpath -m -- "$1")")"
  for part in "${parts[@]:1}"; do
    path+=/$part
    may x "$path" || setfacl -m "u:$account:x" "$path" || die "$account cannot pass $path; say METERING_USER=root, or put it elsewhere"
  done
}

# hand_over FOLDER: what is in it was made for the account, or by ./run before it had one.
hand_over() {
  let_in "$1"
  [[ -z $(find "$1" ! -user "$account" -print -quit) ]] || chown -R "$account:" "$1"
}

# hand_over_home: the account owns the data; settings, secrets, logs and pids stay root's.
hand_over_home() {
  local name
  [[ -n $account ]] || return 0
  for name in mariadb stub "${services[@]}"; do
    if alive "$name" && [[ $(stat -c %U "/proc/$(pid_of "$name")") != "$account" ]]; then
      say "$name runs as another account than $account; it is stopped first ..."
      end_process "$name" 120
    fi
  done
  let_in "$home/tmp"
  for name in mariadb spool tmp stub; do [[ ! -d $home/$name ]] || hand_over "$home/$name"; done
  for name in "${services[@]}"; do
    let_in "$bin/$name"
    may x "$bin/$name" || allow rx "$bin/$name"
  done
}

# let_in_settings: the account may read the files that a service's settings name, and write where it is to write.
let_in_settings() { # the array `environment` of the caller
  local name path
  [[ -n $account ]] || return 0
  for name in "${!environment[@]}"; do
    path=${environment[$name]}
    [[ $path == /* && -e $path ]] || continue
    case $name in
      SPOOL_DIR | WORK_DIR) hand_over "$path" ;;
      DELIVERY_DIR)
        let_in "$path"
        may w "$path" || allow rwX "$path"
        ;;
      DATABASE_SOCKET) let_in "$path" ;;
      *)
        let_in "$path"
        may r "$path" || allow rX "$path"
        ;;
    esac
  done
}
