#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# run.sh - builds the images, brings docker-compose.yml up the way README.md
# says, sends an event in, takes a PDF out, and looks at what the containers
# may and know.  README.md beside this file tells what it needs.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/owui-metering-deployment.XXXXXX")
id=omtest$$
services=(gateway costd reportd mariadb)
passed=0 failed=0 dockerd_pid='' forward_policy='' reached='' began=$SECONDS
export PATH=$PATH:/usr/sbin:/sbin
# The caller's environment would win over the settings file.
unset WIRE_KEY_GATEWAY WIRE_KEY_REPORTD PORT BIND_ADDRESS PASSWORD_HASH JWT_SECRET API_KEY READ_API_KEY OPENROUTER_API_KEY OPENROUTER_BASE_URL \
  OPENWEBUI_ENDPOINT OPENWEBUI_API_KEY DATABASE_HOST DATABASE_NAME DATABASE_USER DATABASE_PASSWORD COSTD_URL REPORTD_URL TRUSTED_PROXIES LOG_LEVEL

say() { printf '%s\n' "$*"; }
die() {
  printf 'tests/deployment/run.sh: %s\n' "$*" >&2
  exit 1
}

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@" >"$work/check.out" 2>&1; then
    passed=$((passed + 1))
    say "ok      $what"
  else
    failed=$((failed + 1))
    say "FAILED  $what"
    tail -n 15 "$work/check.out" | sed 's/^/        /'
  fi
}

not() { ! "$@"; }

wait_for() { # SECONDS COMMAND...
  local until=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || return 1
    sleep 1
  done
}

step() { # WHAT COMMAND...: its output goes to a log, which is shown if it fails
  local what=$1 begun=$SECONDS
  shift
  printf '%s ... ' "$what"
  "$@" >"$work/step.log" 2>&1 </dev/null || {
    say "failed"
    tail -n 40 "$work/step.log" >&2
    die "${what,} failed"
  }
  say "$((SECONDS - begun)) s"
}

# ---- what the host must have ---------------------------------------------------

missing_tools() {
  local tool
  for tool in curl:curl python3:python3 openssl:openssl pdftotext:poppler-utils docker:docker.io; do
    command -v "${tool%%:*}" >/dev/null || say "${tool#*:}"
  done
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || say docker-compose
  docker info >/dev/null 2>&1 || command -v dockerd >/dev/null || say docker.io
  docker info >/dev/null 2>&1 || command -v iptables >/dev/null || say iptables
  docker info >/dev/null 2>&1 || command -v ip >/dev/null || say iproute2
}

add_packages() { # PACKAGE...
  (($# > 0)) || return 0
  command -v apt-get >/dev/null || die "these Debian packages are missing: $*"
  ((EUID == 0)) || die "as root, please: apt-get install --no-install-recommends $*"
  step "Installing $*" sh -c "apt-get -o DPkg::Lock::Timeout=600 update &&
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -y --no-install-recommends install $*"
}

# A Docker daemon that answers is used; otherwise one of our own is started.
open_docker() {
  docker info >/dev/null 2>&1 && return
  ((EUID == 0)) || die "no Docker daemon answers, and only root can start one"
  mkdir "$work/docker"
  [[ -e /sys/class/net/docker0 ]] || forward_policy=$(iptables -S FORWARD | sed -n 's/^-P FORWARD //p')
  # in a session of its own: an interrupt from the terminal must not end it before what runs in it is taken down
  setsid dockerd --data-root "$work/docker/data" --exec-root "$work/docker/exec" --pidfile "$work/docker/pid" \
    -H "unix://$work/docker/sock" >"$work/docker/log" 2>&1 </dev/null &
  dockerd_pid=$!
  export DOCKER_HOST=unix://$work/docker/sock
  wait_for 60 docker info || {
    tail -n 20 "$work/docker/log" >&2
    die "dockerd does not start"
  }
}

# dockerd leaves its bridge and its firewall rules behind; they go if it brought them.
forget_dockerd() {
  local table rule chain
  [[ -n $forward_policy ]] || return 0
  ip link delete docker0
  iptables -P FORWARD "$forward_policy"
  for table in nat filter; do
    iptables -t "$table" -S | grep -E '^-A .*(DOCKER|docker0)' | sed 's/^-A/-D/' | while read -r rule; do
      # shellcheck disable=SC2086 # a rule is several words
      iptables -t "$table" $rule
    done
    iptables -t "$table" -S | sed -n 's/^-N \(DOCKER.*\)/\1/p' | while read -r chain; do iptables -t "$table" -X "$chain"; done
  done
}

compose() {
  local command=(docker compose)
  docker compose version >/dev/null 2>&1 || command=(docker-compose)
  env -C "$root" "${command[@]}" -p "$id" --env-file "$work/metering.env" "$@"
}

# ---- images --------------------------------------------------------------------

# What this machine's own apt sources name, which apt tells once it has fetched their lists.
read_archive() { # ARGUMENT...
  [[ -n $(apt-get indextargets 'Created-By: Packages') ]] || apt-get -o DPkg::Lock::Timeout=600 update >&2 || return 1
  "$here/archive.py" "$@"
}

# make_base_image makes debian:bookworm-slim's likeness from the package archive.
# It reaches archive and registry the way this host does: same archive, keys, proxies, authorities.
make_base_image() { # IMAGE
  local tree=$work/debian trusted=() mirror components
  read_archive bookworm "$work/archive" >"$work/archive.env" || return 1
  mirror=$(sed -n 's/^mirror=//p' "$work/archive.env") components=$(sed -n 's/^components=//p' "$work/archive.env")
  if [[ -f $work/archive/keyring.gpg ]]; then trusted=(--keyring="$work/archive/keyring.gpg"); fi
  debootstrap --variant=minbase --include=ca-certificates --components="$components" "${trusted[@]}" \
    bookworm "$tree" "$mirror" || return 1
  rm -f "$tree/etc/apt/sources.list"
  install -D -m 644 "$work/archive/debian.sources" "$tree/etc/apt/sources.list.d/debian.sources"
  install -d -m 755 "$tree/etc/apt/keyrings/host"
  if ((${#trusted[@]} > 0)); then install -m 644 "$work"/archive/keys/* "$tree/etc/apt/keyrings/host/"; fi
  apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy|https?::proxy) ' \
    >"$tree/etc/apt/apt.conf.d/90host" || true
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$tree/usr/local/share/ca-certificates/"
    chroot "$tree" env TMPDIR=/tmp update-ca-certificates || return 1
  fi
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
  tar -C "$tree" -c . | docker import - "$1" || return 1
  rm -rf "$tree"
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }
fetch() { has_image "$1" || timeout 300 docker pull "$1"; }

prepare_images() {
  export BASE_IMAGE=debian:bookworm-slim MARIADB_IMAGE=mariadb:10.11 METERING_TAG=$id
  printf 'Fetching %s and %s ... ' "$BASE_IMAGE" "$MARIADB_IMAGE"
  if fetch "$BASE_IMAGE" >"$work/step.log" 2>&1 && fetch "$MARIADB_IMAGE" >"$work/step.log" 2>&1; then
    say "done"
  else
    say "no registry can be reached; making stand-ins"
    BASE_IMAGE=owui-metering-test/debian:bookworm MARIADB_IMAGE=owui-metering-test/mariadb:10.11
    if ! has_image "$BASE_IMAGE"; then
      command -v debootstrap >/dev/null || add_packages debootstrap
      step "Making $BASE_IMAGE with debootstrap" make_base_image "$BASE_IMAGE"
    fi
    DOCKER_BUILDKIT=0 step "Building $MARIADB_IMAGE from Debian's packages" \
      docker build --build-arg "BASE_IMAGE=$BASE_IMAGE" -t "$MARIADB_IMAGE" "$here/mariadb"
  fi
  step "Building gateway, costd and reportd" compose build
}

# ---- settings, as README.md says -------------------------------------------------

set_to() { # NAME VALUE: in the settings file
  python3 - "$work/metering.env" "$1" "$2" <<'END'
import re, sys
path, name, value = sys.argv[1:]
text = open(path).read()
text, n = re.subn(rf"(?m)^{name}=.*$", lambda m: f"{name}={value}", text)
assert n == 1, f"{name} is not in .metering.env.example"
open(path, "w").write(text)
END
}

value_of() { sed -n "s/^$1=//p" "$work/metering.env" | tr -d "'"; }
secret() { cat "$work/secrets/$1"; }

write_settings() {
  umask 077
  cp "$root/.metering.env.example" "$work/metering.env"
  set_to PORT "$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
  export METERING_SECRETS=$work/secrets
  "$root/run" secrets
  printf 'sk-or-v1-%s' "$(openssl rand -hex 24)" >"$work/secrets/openrouter_api_key"
  password=$(openssl rand -hex 12)
  umask 022
}

hash_password() {
  printf '%s\n' "$password" | compose run --rm --no-deps -T gateway --hash-password | tr -d '\r' >"$work/secrets/password_hash"
  [[ $(secret password_hash) == \$argon2id\$* ]] || {
    say "gateway --hash-password printed no hash: $(secret password_hash)"
    return 1
  }
}

# A key on a command line is everybody's to read, so that curl gets it as a file.
header() { printf 'Authorization: Bearer %s\n' "$(secret "$1")" >"$work/$1.header" && printf '@%s' "$work/$1.header"; }

# ---- asking ----------------------------------------------------------------------

container() { compose ps -q "$1"; }
url() { printf 'http://127.0.0.1:%s%s' "$(value_of PORT)" "$1"; }
http() { curl -sS --noproxy '*' -m 60 "$@"; }
read_api() { http -f -H "$(header read_api_key)" "$(url "$1")" "${@:2}"; }

healthy() { [[ $(docker inspect -f '{{.State.Health.Status}}' "$(container "$1")") == healthy ]]; }
all_healthy() {
  local service
  for service in "${services[@]}"; do healthy "$service" || return 1; done
}
ready() { http "$(url /readyz)" | grep -E '"status": ?"ready"'; }

month=$(date -u +%Y-%m)
event() { # GENERATION COST
  printf '{"v":1,"generation_id":"%s","state":"final","source":"filter-stream","origin":"ui",
    "user":{"id":"u-deploy","name":"Ada Deploy","email":"ada@example.org","role":"user"},
    "model":"anthropic/claude-x","provider":"Anthropic",
    "usage":{"prompt_tokens":30,"completion_tokens":7,"cost":%s},
    "started_at":"%s-01T00:00:01Z","finished_at":"%s-01T00:00:03Z"}' "$1" "$2" "$month" "$month"
}

send() { # GENERATION COST: answered 200 with one accepted
  event "$1" "$2" | http -f -H "$(header api_key)" -H 'Content-Type: application/json' \
    --data-binary @- "$(url /api/v1/events)" | tee "$work/sent" | grep -E '"accepted": ?1[,}]'
}

total() { # of the month: requests and cost
  local next
  next=$(date -u -d "$month-01 +1 month" +%Y-%m-%d)
  read_api "/api/v1/usage?from=$month-01&to=$next&group_by=user" | python3 -c '
import json, sys
from decimal import Decimal
t = json.load(sys.stdin)["total"]
print(t["requests"], Decimal(t["cost"]).normalize())'
}
total_is() { [[ $(total) == "$1" ]]; }

inside() { docker exec "$(container "$1")" "${@:2}"; } # SERVICE COMMAND...
connects() {                                           # SERVICE HOST PORT: from inside the service's container
  inside "$1" timeout 5 bash -c "exec 3<>/dev/tcp/$2/$3"
}

# ---- checks ------------------------------------------------------------------------

check_line() {
  check "the gateway answers /healthcheck" bash -c "[[ \$(curl -sf --noproxy '*' '$(url /healthcheck)') == ok* ]]"
  check "/readyz says ready: spool, costd and database work" wait_for 60 ready
  check "the dashboard is served" bash -c "curl -sf --noproxy '*' '$(url /)' | grep -qi '<!doctype html'"
  check "the password opens a session, so its hash came through Compose unharmed" login
  check "an event without a key is refused" refused
  check "an event is accepted" send gen-deploy-1 12.34
  check "/api/v1/usage has it, to the last digit" wait_for 30 total_is "1 12.34"
  check "the statement is a PDF with the amount in it" statement_pdf
  check "the statement is an XLSX" statement_xlsx
}

login() {
  http -f -c "$work/cookies" -H 'Content-Type: application/json' --data "{\"password\":\"$password\"}" "$(url /api/v1/login)" |
    sed -n 's/.*"token":"\([0-9a-f]*\)".*/X-Session-Token: \1/p' >"$work/token" &&
    grep -q auth_token "$work/cookies" && http -f -b "$work/cookies" -H "@$work/token" "$(url /api/v1/users)"
}

refused() { [[ $(event gen-refused 1 | http -o /dev/null -w '%{http_code}' --data-binary @- "$(url /api/v1/events)") == 401 ]]; }

statement_pdf() {
  read_api "/api/v1/statements/u-deploy/$month.pdf" -o "$work/statement.pdf" &&
    [[ $(head -c 5 "$work/statement.pdf") == %PDF- ]] &&
    pdftotext -layout "$work/statement.pdf" "$work/statement.txt" &&
    cat "$work/statement.txt" && grep -q 'Ada Deploy' "$work/statement.txt" && grep -qF '12.34' "$work/statement.txt"
}

statement_xlsx() {
  read_api "/api/v1/statements/u-deploy/$month.xlsx" -o "$work/statement.xlsx" &&
    python3 -m zipfile -t "$work/statement.xlsx" && python3 -m zipfile -l "$work/statement.xlsx" | grep xl/workbook.xml
}

check_walls() {
  local service mariadb_ip
  for service in "${services[@]}"; do
    check "$service runs as another user than root, without capabilities, unable to gain any" confined "$service"
    check "$service has a read-only root file system, and a sized /tmp it can write" read_only "$service"
    check "$service shows no secret to who may look at its environment" no_secret_shown "$service"
  done
  check "the gateway knows neither provider key nor database password" unknown_to gateway OPENROUTER_API_KEY DATABASE_PASSWORD
  check "the gateway does not know reportd's key" unknown_to gateway WIRE_KEY_REPORTD
  check "costd knows neither admin password nor API keys" unknown_to costd PASSWORD_HASH JWT_SECRET API_KEY READ_API_KEY
  check "reportd knows no secret but the keys of the services" unknown_to reportd OPENROUTER_API_KEY DATABASE_PASSWORD PASSWORD_HASH JWT_SECRET API_KEY READ_API_KEY
  check "the images hold no settings file" not docker run --rm --entrypoint find "owui-metering/gateway:$id" / -xdev -name '*.metering.env*'
  mariadb_ip=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(container mariadb)")
  check "costd reaches the database" connects costd "$mariadb_ip" 3306
  check "the gateway does not" not connects gateway "$mariadb_ip" 3306
  check "reportd does not" not connects reportd "$mariadb_ip" 3306
  check "costd reaches the outside" find_outside
  check "the gateway does not reach it" not reaches_outside gateway
  check "reportd does not reach it" not reaches_outside reportd
  check "the database does not reach it" not reaches_outside mariadb
  check "the gateway is published on 127.0.0.1 only" published_on_loopback
  check "the profile openwebui adds Open WebUI" has_open_webui
  check "a container in Open WebUI's place reaches the gateway" beside_the_gateway gateway 45000
  check "but not costd" not beside_the_gateway "$(docker inspect -f '{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}' \
    "$(container costd)" | head -n 1)" 45001
}

# What is outside for certain: the first host and port of those that this machine gets packages through (a
# proxy may be one that only the machine itself can reach) to which costd, which may go out, has a way.
find_outside() {
  local place
  for place in $(read_archive --outside); do
    if connects costd "${place%:*}" "${place##*:}"; then
      reached=$place
      return
    fi
  done
  say "costd connects to nothing that this machine has packages from: $(read_archive --outside)"
  return 1
}

reaches_outside() { # SERVICE
  [[ -n $reached ]] || return 0 # this network has no way out, so a refusal would prove nothing
  connects "$1" "${reached%:*}" "${reached##*:}"
}

has_open_webui() { compose --profile openwebui config --services | grep -x open-webui; }

beside_the_gateway() { # HOST PORT: connected to, from the network that Open WebUI is in
  docker run --rm --network "${id}_plugin" --entrypoint timeout "owui-metering/costd:$id" 5 bash -c "exec 3<>/dev/tcp/$1/$2"
}

confined() {
  local status
  status=$(inside "$1" cat /proc/1/status)
  say "$status"
  grep -q '^Uid:' <<<"$status" && ! grep -q $'^Uid:\t0\t' <<<"$status" && ! grep -q $'^Gid:\t0\t' <<<"$status" &&
    grep -q $'^CapEff:\t0*$' <<<"$status" && grep -q $'^CapBnd:\t0*$' <<<"$status" &&
    grep -q $'^NoNewPrivs:\t1' <<<"$status"
}

read_only() {
  inside "$1" bash -c '! (echo x >/etc/probe) && ! (echo x >/usr/local/bin/probe) && echo x >/tmp/probe && rm /tmp/probe &&
    grep -E "^[^ ]+ / .* ro[, ]" /proc/mounts && grep -E "^tmpfs /tmp tmpfs .*size=" /proc/mounts'
}

unknown_to() { # SERVICE SECRET...: not in its environment, its files, or what the daemon knows of it
  local service=$1 name value
  shift
  known_of "$service" || return 1
  inside "$service" sh -c 'cat /run/secrets/*' >>"$work/known" || return 1
  for name in "$@"; do
    value=$(secret "${name,,}")
    [[ -n $value ]] || return 1
    ! grep -qF -e "$value" "$work/known" || {
      say "$service knows $name"
      return 1
    }
  done
}

known_of() { { docker inspect "$(container "$1")" && inside "$1" cat /proc/1/environ | tr '\0' '\n'; } >"$work/known"; }

no_secret_shown() { # SERVICE: docker inspect and the environment hold none at all
  local file
  known_of "$1" || return 1
  for file in "$work"/secrets/*; do
    [[ ! -s $file ]] || ! grep -qF -f "$file" "$work/known" || {
      say "$1 shows $(basename "$file")"
      return 1
    }
  done
}

published_on_loopback() {
  local all
  all=$(docker ps --filter "label=com.docker.compose.project=$id" --format '{{.Ports}}' | tr ',' '\n' | grep -e '->')
  say "$all"
  [[ $all == "127.0.0.1:$(value_of PORT)->45000/tcp" ]]
}

check_faults() {
  compose stop costd >/dev/null 2>&1
  check "with costd stopped an event is accepted" send gen-deploy-2 0.000000125
  compose kill -s KILL gateway >/dev/null 2>&1
  compose up -d --no-build --force-recreate --no-deps gateway >/dev/null 2>&1
  check "the gateway, killed and made again, still accepts" wait_for 60 send gen-deploy-3 1
  compose up -d --no-build --force-recreate costd >/dev/null 2>&1
  check "costd made again: everything arrives once" wait_for 90 total_is "3 13.340000125"
  compose restart mariadb >/dev/null 2>&1
  check "an event is accepted while the database restarts" send gen-deploy-4 2
  check "and arrives" wait_for 90 total_is "4 15.340000125"
}

check_backup() {
  check "mariadb-dump as README.md shows it" backup
  compose stop -t 60 >/dev/null 2>&1
  check "every container ends cleanly on SIGTERM" clean_exits
  compose down -v >/dev/null 2>&1
  compose up -d --no-build >/dev/null 2>&1
  check "a new installation is empty" wait_for 120 total_is "0 0"
  check "restoring the dump as README.md shows it" restore
  check "brings everything back" wait_for 120 total_is "4 15.340000125"
  check "and the next event is counted" send gen-deploy-5 1
  check "on top" wait_for 30 total_is "5 16.340000125"
}

# shellcheck disable=SC2016 # expanded inside the container
backup() {
  compose exec -T mariadb sh -c \
    'MYSQL_PWD=$(cat /run/secrets/database_password) exec mariadb-dump --single-transaction --routines -u $MARIADB_USER $MARIADB_DATABASE' >"$work/dump.sql" &&
    grep -q 'INSERT INTO `generation`' "$work/dump.sql" && tail -n 1 "$work/dump.sql" | grep 'Dump completed'
}

# shellcheck disable=SC2016
restore() {
  compose stop costd && compose exec -T mariadb sh -c \
    'MYSQL_PWD=$(cat /run/secrets/database_password) exec mariadb -u $MARIADB_USER $MARIADB_DATABASE' <"$work/dump.sql" && compose start costd
}

clean_exits() {
  local service code rc=0
  for service in "${services[@]}"; do
    code=$(docker inspect -f '{{.State.ExitCode}}' "$(compose ps -a -q "$service" 2>/dev/null || compose ps -q "$service")")
    say "$service: exit code $code"
    ((code == 0)) || rc=1
  done
  return "$rc"
}

report() {
  say ""
  docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep -F "$id" | sed 's/^/size    /'
  compose ps -q | xargs docker stats --no-stream --format '{{.Name}} {{.MemUsage}}, {{.PIDs}} threads' | sed 's/^/memory  /'
}

# ---- teardown ------------------------------------------------------------------------

end() {
  local rc=$?
  trap '' INT TERM
  if [[ -f $work/metering.env ]] && docker info >/dev/null 2>&1; then
    if ((failed > 0 || rc != 0)); then
      compose --ansi never logs --tail=40 2>/dev/null | tail -n 160 >&2 || true
    fi
    compose --profile openwebui down -v --remove-orphans >/dev/null 2>&1 || compose down -v >/dev/null 2>&1 || true
    docker rmi "owui-metering/gateway:$id" "owui-metering/costd:$id" "owui-metering/reportd:$id" >/dev/null 2>&1 || true
  fi
  if [[ -n $dockerd_pid ]]; then
    kill "$dockerd_pid" 2>/dev/null || true
    wait "$dockerd_pid" 2>/dev/null || true
    forget_dockerd >/dev/null 2>&1 || true
  fi
  rm -rf "$work" || true
  exit "$rc"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mapfile -t missing < <(missing_tools | sort -u)
add_packages "${missing[@]}"
open_docker
write_settings
prepare_images
step "Hashing the password" hash_password
step "Bringing everything up" compose up -d --no-build
check "all four containers become healthy" wait_for 180 all_healthy
check_line
check_walls
report
check_faults
check_backup
say ""
say "the deployment took $((SECONDS - began)) s"
say "$passed passed, $failed failed"
((failed == 0))
