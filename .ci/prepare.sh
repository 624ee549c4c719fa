# shellcheck shell=bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# prepare.sh - what ./run and .ci/run share: messages, packages, Node.js, builds.
# Sourced with `root` set to the top of the repository.
: "${root:?}"

# ---- saying things ----------------------------------------------------------

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "run: $1"
  exit "${2:-1}"
}

# long LABEL LOG COMMAND... runs a command whose output goes to LOG.  After a
# second it says what it does, every ten seconds that it is still at it; if the
# command fails it shows the end of LOG.
long_pid='' beat_pid=''
long() {
  local label=$1 log=$2 begun=$SECONDS rc=0
  shift 2
  mkdir -p "$(dirname "$log")"
  : >"$log"
  (
    sleep 1 >/dev/null 2>&1
    say "$label ..."
    while sleep 10 >/dev/null 2>&1; do
      line=$(tail -n 1 "$log" | tr -d '\r' | cut -c1-100)
      say "  ${label,} for $((SECONDS - begun)) s${line:+: $line}"
    done
  ) 8>&- 9>&- &
  beat_pid=$!
  "$@" >>"$log" 2>&1 </dev/null 8>&- 9>&- &
  long_pid=$!
  wait "$long_pid" || rc=$?
  long_pid=''
  end_heartbeat
  ((rc == 0)) && return
  tail -n 40 "$log" >&2
  die "${label,} failed; all of its output is in $log"
}

end_heartbeat() {
  [[ -n $beat_pid ]] || return 0
  kill "$beat_pid" 2>/dev/null || true
  wait "$beat_pid" 2>/dev/null || true
  beat_pid=''
}

end_long() {
  end_heartbeat
  if [[ -n $long_pid ]]; then kill "$long_pid" 2>/dev/null || true; fi
}
trap end_long EXIT

# wait_for SECONDS COMMAND... until the command succeeds; fails after SECONDS.
wait_for() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}

# ---- packages and build -----------------------------------------------------

packages_of() { # LIST... -> the names in these lists
  local list
  for list in "$@"; do sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$root/.ci/packages/$list.txt"; done | sort -u
}

missing_of() { # NAME... -> those that are not installed
  local name
  local -A installed=()
  while read -r name; do installed[$name]=1; done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
    sed -n 's/ installed$//p')
  for name in "$@"; do [[ -n ${installed[$name]:-} ]] || say "$name"; done
}

# mariadb-server-core is the server without a system service: installing it starts
# nothing and makes no data folder, so a MariaDB of the system is left alone.
lists_fetched=''
install_packages() { # NAME...
  local missing sudo=()
  mapfile -t missing < <(missing_of "$@")
  ((${#missing[@]} > 0)) || return 0
  command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get: ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "as root, please: apt-get install --no-install-recommends ${missing[*]}"
    sudo -v || die "sudo is needed once, for: apt-get install --no-install-recommends ${missing[*]}"
    sudo=(sudo)
  fi
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -o APT::Color=0)
  [[ -n $lists_fetched ]] || long "Fetching the package lists" "$root/build/log/apt-update.log" "${apt[@]}" update
  lists_fetched=1
  long "Installing ${#missing[@]} packages" "$root/build/log/apt-install.log" \
    "${apt[@]}" -y --no-install-recommends install "${missing[@]}"
}

node_is_enough() {
  command -v npm >/dev/null && command -v node >/dev/null &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

# The dashboard's build needs Node 20.19; Debian 12 has 18, which is enough to
# fetch a newer one from the npm registry.
ensure_node() {
  local tools=$root/build/tools/node
  node_is_enough && return
  PATH=$tools/bin:$PATH
  node_is_enough && return
  install_packages nodejs npm
  node_is_enough && return
  mkdir -p "$tools"
  cp "$root"/.ci/node/package.json "$root"/.ci/node/package-lock.json "$tools" # whose hashes npm compares
  long "Fetching Node.js from the npm registry" "$root/build/log/node.log" \
    npm ci --prefix "$tools" --ignore-scripts --no-audit --no-fund
  ln -sfn "$(cd "$tools" && echo node_modules/node-linux-*/bin)" "$tools/bin" # Debian's npm makes no .bin for it
  hash -r
  node_is_enough || die "Node.js 20.19 or newer and npm are needed to build the dashboard; found: $(node --version 2>&1)"
}

lock_build() {
  mkdir -p "$root/build"
  exec 8>"$root/build/.lock"
  flock -n 8 || { say "Another ./run builds; waiting for it ..." && flock 8; }
}

# The compiler cache serves all presets and all checkouts: paths below `root` count as relative.
export CCACHE_BASEDIR=$root

# build PRESET [CMAKE ARGUMENT...] configures once; ninja sees to the rest.  Polite to what
# else runs on the machine, but where tests wait for it.
build_nice=(nice)
build() {
  local preset=$1 folder=$root/build/$1
  shift
  if [[ ! -f $folder/build.ninja ]]; then
    say "The first build takes some minutes."
    long "Configuring" "$root/build/log/configure-$preset.log" \
      env -C "$root" cmake --preset "$preset" "$@"
  fi
  long "Building" "$root/build/log/build-$preset.log" env -C "$root" "${build_nice[@]}" ninja -C "$folder"
}
