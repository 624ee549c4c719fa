# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of ./run
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# database.sh - the private MariaDB of ./run, and the stub provider of its demo.
# Sourced by ./run, whose functions and variables it uses.
: "${root:?}" "${home:?}"

# The server has no network and its socket is in a folder that only we may enter.
sql() { mariadb --no-defaults --socket="${made[SOCKET]}" --user=root -N -B "$@"; }
mariadb_answers() { dead mariadb || sql -e 'SELECT 1' >/dev/null 2>&1; }

start_mariadb() {
  local -A environment=()
  alive mariadb && return
  if [[ ! -d $home/mariadb ]]; then
    rm -rf "$home/mariadb.new"
    mkdir "$home/mariadb.new"
    [[ -z $account ]] || chown "$account:" "$home/mariadb.new"
    # In the folder, because its script cannot take a path with spaces; --force: no host name need resolve.
    long "Making the database" "$home/log/mariadb-install.log" env -C "$home/mariadb.new" TMPDIR="$home/tmp" "${as_account[@]}" \
      mariadb-install-db --no-defaults "${as_root_in_db[@]}" --datadir=. --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --force
    mv "$home/mariadb.new" "$home/mariadb"
  fi
  rm -f "${made[SOCKET]}"
  launch mariadb mariadbd --no-defaults "${as_root_in_db[@]}" --datadir="$home/mariadb" --socket="${made[SOCKET]}" \
    --pid-file="$home/tmp/mariadb.pid" --tmpdir="$home/tmp" --skip-networking --skip-log-bin --skip-name-resolve --performance-schema=OFF \
    --character-set-server=utf8mb4 --local-infile=0 --innodb-flush-log-at-trx-commit=1 --max-connections=60 \
    --innodb-buffer-pool-size=96M --innodb-log-file-size=48M --aria-pagecache-buffer-size=8M --key-buffer-size=1M \
    --max-allowed-packet=64M
  if ! wait_for 120 mariadb_answers || dead mariadb; then failed mariadb "did not start"; fi
  sql <<END || failed mariadb "refused to make the database"
CREATE DATABASE IF NOT EXISTS metering CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'metering'@'localhost';
ALTER USER 'metering'@'localhost' IDENTIFIED BY '${made[DB_PASSWORD]}';
GRANT ALL ON metering.* TO 'metering'@'localhost';
END
}

start_stub() {
  local -A environment=([STUB_KEY]=sk-or-v1-demo)
  alive stub && return
  mkdir -p "$home/stub"
  if [[ -f $home/stub.json ]]; then mv "$home/stub.json" "$home/stub/"; fi # where it was before
  [[ -z $account ]] || hand_over "$home/stub"
  if [[ -z ${made[STUB_PORT]:-} ]] || listening "${made[STUB_PORT]}"; then
    keep STUB_PORT "$(free_port)"
    end_process costd 15 # it knows the old one
  fi
  if [[ -n $account ]]; then
    let_in "$root/tests/support/stub_openrouter.py"
    may r "$root/tests/support/stub_openrouter.py" || allow rX "$root/tests/support"
  fi
  launch stub /usr/bin/python3 -B "$root/tests/support/stub_openrouter.py" --port "${made[STUB_PORT]}" --control "$home/stub/stub.json"
}
