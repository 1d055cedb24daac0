#!/bin/sh
# Installs the programs of the private servers (demo, tests), and those named as arguments, where
# they are missing. Only the programs matter: the demo and the tests start instances of their own.
set -eu
PATH="$PATH:/usr/sbin:/usr/local/sbin"

missing=""
command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null || missing="mariadb-server-core"
command -v redis-server >/dev/null || missing="$missing redis-server"
for program in "$@"; do
  case $program in
    mariadb) package=mariadb-client-core ;;
    *) package=$program ;;
  esac
  command -v "$program" >/dev/null || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=""
elif command -v sudo >/dev/null; then
  as_root="sudo"
else
  as_root="none"
fi
if ! command -v apt-get >/dev/null || [ "$as_root" = none ]; then
  echo "Please install MariaDB 10.6 or later and Redis 6 or later: the programs mariadbd, mariadb-install-db," >&2
  echo "redis-server${*:+, }$* must be in PATH. On Debian, as root: apt-get install$missing" >&2
  exit 1
fi
echo "installing $missing"
log=$(mktemp)
if ! { $as_root apt-get update && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "apt-get could not install$missing" >&2
  exit 1
fi
rm -f "$log"
