#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# install.sh BUILD_DIR: make BUILD_DIR/node a small Node project with real PostgreSQL clients
# (node-postgres and Prisma 7) and the scripts of this folder. Does nothing when the versions in
# package-lock.json are already there.
#
# No install script is run and no engine is downloaded: Prisma 7 talks through node-postgres, and
# `generate` only wants the path of an engine that it never starts.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:?usage: install.sh BUILD_DIR}

command -v node >/dev/null || { echo "install.sh: node is missing (apt install nodejs npm)" >&2; exit 69; }
command -v npm >/dev/null || { echo "install.sh: npm is missing (apt install npm)" >&2; exit 69; }

mkdir -p "$build/node"
cd "$build/node"

# Two test runs may share a build folder: the second waits for the first.
exec 9>.install.lock
flock 9

# The scripts are copied, not linked: Node looks for packages from a script's real folder.
rm -rf scripts
cp -R "$here/scripts" scripts

wanted=$(cat "$here/package.json" "$here/package-lock.json" "$here/prisma/schema.prisma" \
	"$here/without-dev-server.js" | sha256sum)
if [ "$(cat .installed 2>/dev/null)" = "$wanted" ]; then
	exit 0
fi

rm -f .installed
rm -rf prisma
cp -R "$here/package.json" "$here/package-lock.json" "$here/prisma" .
echo "installing node-postgres and Prisma into $build/node …" >&2
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
PRISMA_SCHEMA_ENGINE_BINARY=/bin/true PRISMA_HIDE_UPDATE_MESSAGE=1 CHECKPOINT_DISABLE=1 \
	node -r "$here/without-dev-server.js" node_modules/prisma/build/index.js generate >&2
echo "$wanted" >.installed
