#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# build.sh <folder>: installs what package-lock.json names, if that changed, and builds the pages into
# <folder>. Builds side by side share node_modules: installing needs the folder's lock alone, building
# shares it. A failed build leaves what was there before.
set -eu

out=$1
cd "$(dirname "$0")/.."
stamp=node_modules/.installed
wanted=$(sha256sum package-lock.json | cut -d' ' -f1)

installed() {
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]
}

exec 9<.
flock -s 9
if ! installed; then
  flock -u 9
  flock -x 9
  if ! installed; then
    echo "dashboard: npm ci"
    npm ci --no-audit --no-fund --loglevel=error 9<&-
    echo "$wanted" >"$stamp"
  fi
  flock -s 9
fi

mkdir -p "$(dirname "$out")"
new=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$new"' EXIT
npm run --silent build -- --outDir "$new" --emptyOutDir --logLevel warn 9<&-
chmod 755 "$new"
rm -rf "$out"
mv "$new" "$out"
trap - EXIT
echo "dashboard: built into $out"
