#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# build.sh <folder>: installs what package-lock.json names, if npm has not done so since that changed,
# and builds the pages into <folder>. Builds side by side share node_modules: installing needs the
# folder's lock alone, building shares it. A failed build leaves what was there before.
set -eu

out=$1
cd "$(dirname "$0")/.."

node -e 'const [a, b] = process.versions.node.split(".").map(Number);
         process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || {
  echo "dashboard: needs Node 20.19 or newer, found $(node --version);" \
    "install one, or build without the pages: -DOM_DASHBOARD=OFF" >&2
  exit 1
}

installed() {
  [ node_modules/.package-lock.json -nt package-lock.json ]
}

exec 9<.
flock -s 9
if ! installed; then
  flock -u 9
  flock -x 9
  if ! installed; then
    echo "dashboard: fetching its npm packages"
    npm ci --no-audit --no-fund --loglevel=error 9<&-
  fi
  flock -s 9
fi

mkdir -p "$(dirname "$out")"
new=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$new"' EXIT
echo "dashboard: building the pages"
npm run --silent build -- --outDir "$new" --emptyOutDir --logLevel warn 9<&-
chmod 755 "$new"
rm -rf "$out"
mv "$new" "$out"
trap - EXIT
echo "dashboard: built into $out"
