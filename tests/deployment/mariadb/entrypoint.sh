#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# Makes the database and its user at the first start, then becomes the server.
# Understands MARIADB_DATABASE, MARIADB_USER, MARIADB_PASSWORD (or their _FILE
# forms) and MARIADB_RANDOM_ROOT_PASSWORD.
set -euo pipefail

data=/var/lib/mysql
[[ ${1:-} != -* ]] || set -- mariadbd "$@"

value_of() { # NAME: from NAME or from the file NAME_FILE names
  local file=${1}_FILE
  if [[ -n ${!file:-} ]]; then cat "${!file}"; else printf '%s' "${!1:-}"; fi
}

quoted() { # for SQL
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\\\'}"
}

if [[ $1 == mariadbd && ! -d $data/mysql ]]; then
  [[ -n ${MARIADB_RANDOM_ROOT_PASSWORD:-} ]] || {
    echo "MARIADB_RANDOM_ROOT_PASSWORD must be set; nothing else is supported here" >&2
    exit 1
  }
  database=$(value_of MARIADB_DATABASE) user=$(value_of MARIADB_USER) password=$(value_of MARIADB_PASSWORD)
  root_password=$(head -c 24 /dev/urandom | base64)
  mariadb-install-db --no-defaults --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
  mariadbd --no-defaults --datadir="$data" --bootstrap --skip-networking <<END
FLUSH PRIVILEGES;
ALTER USER 'root'@'localhost' IDENTIFIED BY $(quoted "$root_password");
CREATE DATABASE \`$database\`;
CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");
GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%';
END
fi

if [[ $1 == mariadbd ]]; then
  shift
  set -- mariadbd --no-defaults --datadir="$data" --socket=/run/mysqld/mysqld.sock --pid-file=/run/mysqld/mysqld.pid \
    --skip-name-resolve --skip-log-bin "$@"
fi
exec "$@"
