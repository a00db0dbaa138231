# shellcheck shell=bash
# What the scripts of this folder share. Sourced, not run. The caller has set -euo pipefail.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS

# With stdin closed, the next file that a program opens would become its input.
[[ -e /proc/self/fd/0 ]] || exec </dev/null

step() { printf '\n==> %s  [%ds]\n' "$*" "$((SECONDS - started))"; }

die() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  if (($#)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# Runs a command as root, if that is possible without asking for a password.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    die "this needs root: $*" "Run the script as root, or run that command yourself first."
  fi
}

# apt_install PACKAGE...: does nothing for what is installed already.
apt_install() {
  local package missing=()
  for package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "missing: ${missing[*]}" "Install them; this script does so only on Debian and Ubuntu."
  printf 'installing %s\n' "${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update ||
    die "apt-get update failed" "Check this machine's apt sources and its network."
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
    install --yes --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# Prints the first Python that is new enough and can make virtual environments.
usable_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
    command -v "$candidate" >/dev/null || continue
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    command -v "$candidate"
    return
  done
  return 1
}

# need_python: sets $python, installing one from the distribution if there is none.
# shellcheck disable=SC2034  # the scripts that source this use it
need_python() {
  python=$(usable_python) && return
  apt_install python3 python3-venv
  python=$(usable_python) && return
  # Ubuntu 22.04 has 3.10 as python3, and 3.11 beside it.
  apt_install python3.11 python3.11-venv
  python=$(usable_python) || die "no Python 3.11 or newer was found, nor in the distribution's packages"
}

# digest_of PATH...: one word for the content of all files below the paths.
digest_of() {
  (cd "$project" && find "$@" -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c -32)
}

# installed_in VENV DIGEST: whether the environment was made from exactly that.
installed_in() { [[ -x $1/bin/python && $(cat "$1/made-from" 2>/dev/null) == "$2" ]]; }
