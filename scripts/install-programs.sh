#!/bin/sh
# Installs the programs that the private servers of the demo and the tests run, and those named as
# arguments, where they are missing. Only the programs matter: the demo and the tests start servers of their own.
set -eu
PATH="$PATH:/usr/sbin:/usr/local/sbin"

# my_print_defaults is called by mariadb-install-db; Debian ships it with the client, not the server.
programs="mariadbd mariadb-install-db my_print_defaults redis-server $*"

missing=""
for program in $programs; do
  command -v "$program" >/dev/null || missing="$missing $program"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=""
elif command -v sudo >/dev/null; then
  as_root="sudo"
else
  as_root="none"
fi
if ! command -v apt-get >/dev/null || [ "$as_root" = none ]; then
  echo "Missing programs:$missing" >&2
  echo "Install MariaDB 10.6 or later (server and client) and Redis 6 or later, so that these programs are in PATH:" >&2
  echo "  $programs" >&2
  echo "On Debian or Ubuntu, as root: apt-get install mariadb-server-core mariadb-client-core redis-server${*:+ $*}" >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed() {
  echo "The last lines of apt-get's output:" >&2
  tail -n 15 "$log" | sed 's/^/  /' >&2
  echo "apt-get could not install the packages of:$missing" >&2
  exit 1
}

echo "installing the packages of:$missing"
$as_root apt-get update >"$log" 2>&1 || failed

# The package that has a program: Debian 12 and 13 and Ubuntu 24.04 call MariaDB's packages by plain
# names, Ubuntu 22.04 appends the version (mariadb-server-core-10.6).
known() {
  apt-cache show "$1" >/dev/null 2>&1
}
mariadb_package() {
  if known "$1"; then
    echo "$1"
  else
    apt-cache search --names-only "^$1-[0-9.]+\$" | cut -d ' ' -f 1 | sort -V | tail -n 1
  fi
}
packages=""
for program in $missing; do
  case $program in
    mariadbd | mariadb-install-db) package=$(mariadb_package mariadb-server-core) ;;
    mariadb | my_print_defaults) package=$(mariadb_package mariadb-client-core) ;;
    ip) package=iproute2 ;;
    nft) package=nftables ;;
    *) package=$program ;;
  esac
  if [ -z "$package" ]; then
    echo "no package with $program is known to apt-get" >>"$log"
    failed
  fi
  packages="$packages $package"
done

$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages >>"$log" 2>&1 || failed

for program in $programs; do
  if ! command -v "$program" >/dev/null; then
    echo "$program is still not in PATH after installing$packages" >>"$log"
    missing=" $program"
    failed
  fi
done
