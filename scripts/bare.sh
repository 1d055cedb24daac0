#!/usr/bin/env bash
# Runs a command in a clone of the current commit on a bare Debian that has only python3, make, git and
# sudo, so that nothing installed on this machine helps. Needs root, apt-get and network access.
#
#   scripts/bare.sh                       make demo and make test, as root and as a user with sudo
#   scripts/bare.sh [--user] COMMAND...   one command, as root or as a user with sudo
#   SUITE=trixie scripts/bare.sh ...      another Debian release: bookworm (12, the default), trixie (13)
#
# The Debian root is made once per release by debootstrap, in ~/.cache/audience-console/bare. Mirror,
# certificates and the configuration of apt and pip are those of this machine.
# Exit status: the command's; 3 where no bare machine can be made here.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${SUITE:-bookworm}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/audience-console/bare
base=$cache/$suite
user=root

unavailable() {
  echo "bare: no bare machine can be made here: $1" >&2
  exit 3
}

make_base() {
  [ "$(id -u)" = 0 ] || unavailable "it needs root"
  command -v apt-get >/dev/null || unavailable "it needs apt-get"
  unshare --mount --pid --fork true 2>/dev/null || unavailable "namespaces are not permitted"
  [ ! -f "$base.complete" ] || return 0
  if ! command -v debootstrap >/dev/null; then
    { apt-get update && apt-get install -y --no-install-recommends debootstrap; } >/dev/null 2>&1 \
      || unavailable "apt-get cannot install debootstrap"
  fi
  local mirror
  mirror=$(sed -n 's/^URIs: *\([^ ]*debian\)\/\{0,1\}$/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*debian\)\/\{0,1\} .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1 || true)
  echo "bare: making a Debian $suite with debootstrap $(debootstrap --version | cut -d ' ' -f 2)"
  mkdir -p "$cache"
  rm -rf --one-file-system "$base"
  if ! debootstrap --variant=minbase --include=ca-certificates,git,make,python3,python3-venv,sudo \
    "$suite" "$base" ${mirror:+"$mirror"} >"$base.log" 2>&1; then
    tail -n 5 "$base.log" >&2
    unavailable "debootstrap failed"
  fi
  copy_configuration
  touch "$base.complete"
}

# How this machine reaches its package registries. Folders of wheels do not exist in the new root.
copy_configuration() {
  local file
  for file in /etc/ssl/certs/ca-certificates.crt /etc/hosts /etc/pip.conf /etc/apt/auth.conf /etc/apt/auth.conf.d \
    /etc/apt/apt.conf.d/99*; do
    [ -e "$file" ] || continue
    rm -rf "${base:?}$file"
    cp -aL "$file" "$base$file"
  done
  [ ! -f "$base/etc/pip.conf" ] || sed -i '/find-links\|extra-index-url.*file:/d' "$base/etc/pip.conf"
}

# Arguments: the command. Mounts and processes end with their namespaces.
run() {
  local root home=/root status=0 passed
  root=$(mktemp -d "$cache/run.XXXXXX")
  cp -a "$base/." "$root/"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  if [ "$user" != root ]; then
    home=/home/$user
    chroot "$root" useradd --create-home --shell /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
  fi
  git clone --quiet . "$root$home/project"
  chroot "$root" chown -R "$user:$user" "$home/project"
  passed=$(env | grep -E '^(PIP_(CERT|INDEX_URL|DEFAULT_TIMEOUT)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(https?|no)_proxy|(HTTPS?|NO)_PROXY|CI)=' || true)
  # shellcheck disable=SC2016 # expanded in the new root
  mapfile -t passed <<<"$passed"
  unshare --mount --pid --fork --kill-child bash -ec '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$@"
  ' bash "$root" --userspec="$user:$user" "$root" \
    env -i HOME="$home" PATH=/usr/local/bin:/usr/bin:/bin TERM="${TERM:-xterm-256color}" LANG=C.UTF-8 ${passed[@]:+"${passed[@]}"} \
    bash -c 'cd ~/project && exec "$@"' bash "$@" </dev/null || status=$?
  rm -rf --one-file-system "$root"
  return "$status"
}

if [ "${1:-}" = --user ]; then
  user=visitor
  shift
fi
make_base
if [ $# -gt 0 ]; then
  run "$@"
else
  for user in root visitor; do
    for target in demo test; do
      echo "bare: make $target as $user on a bare Debian $suite"
      run make "$target"
    done
  done
fi
