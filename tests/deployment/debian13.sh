#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# debian13.sh [CLASS...] - makes a Debian 13 with debootstrap, builds a copy of
# this tree in it with gcc and clang, and runs ./run test's classes there (none:
# unit and plugin).  As root, on Debian.  Ends with "N passed, N failed".
# shellcheck disable=SC2317 # called by name
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin

# The outer half: the inner one has mounts and processes of its own, so that
# nothing of it outlives this script, however it ends.
if [[ ${METERING_DEBIAN13:-} == '' ]]; then
  ((EUID == 0)) || { printf 'tests/deployment/debian13.sh: as root, please\n' >&2 && exit 2; }
  # shellcheck source=.ci/prepare.sh
  source "$root/.ci/prepare.sh"
  install_packages debootstrap
  work=$(mktemp -d "${TMPDIR:-/tmp}/owui-metering-debian13.XXXXXX") inner='' first=''
  end() { # the first process of the inner half takes all others with it, and unshare waits for that
    if [[ -n $inner ]]; then
      read -r first <"/proc/$inner/task/$inner/children" || true
      kill -KILL "${first:-$inner}" 2>/dev/null || true
      wait "$inner" || true
    fi
    rm -rf --one-file-system "$work"
  }
  trap end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  METERING_DEBIAN13=$work unshare --mount --propagation private --pid --fork --kill-child "${BASH_SOURCE[0]}" "$@" </dev/null &
  inner=$! rc=0
  wait "$inner" || rc=$?
  inner=''
  exit "$rc"
fi

# shellcheck source=.ci/count.sh
source "$root/.ci/count.sh"
tree=$METERING_DEBIAN13/tree
unset METERING_DEBIAN13
export TMPDIR=/tmp # which is in the tree, too

# The tree reaches the archive and the registry the way this host does: same site,
# same proxies, same authorities.
make_tree() {
  local site
  # shellcheck disable=SC2016 # apt expands it
  site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
  [[ -n $site ]] || { printf 'apt knows no archive of Debian; is apt-get update due?\n' && return 1; }
  debootstrap --variant=minbase --include=ca-certificates trixie "$tree" "$site" || return
  apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy|https?::proxy) ' \
    >"$tree/etc/apt/apt.conf.d/90host" || true
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$tree/usr/local/share/ca-certificates/"
    chroot "$tree" update-ca-certificates || return
  fi
  mkdir "$tree/src"
  tar -C "$root" --exclude=./build --exclude=./.run --exclude=node_modules -c . | tar -C "$tree/src" -x || return
  mount -t proc proc "$tree/proc" && mount --rbind /dev "$tree/dev"
}

# The counts are those that the classes' closing lines tell: the folder for them is not in the tree.
inside() {
  chroot "$tree" env -u METERING_STEPS -u METERING_STEP -C /src HOME=/root TMPDIR=/tmp LC_ALL=C.UTF-8 \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt nice "$@"
}
build_clang() { inside sh -c 'cmake --preset fuzz && ninja -C build/fuzz'; }

if count_step "Debian 13: a tree" make_tree; then
  if (($# == 0)); then set -- unit plugin; fi
  for class in "$@"; do count "Debian 13: $class" inside ./run test "$class"; done
  count_step "Debian 13: clang builds without a warning" build_clang || true
fi
finish
