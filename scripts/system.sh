# Sourced by tests/systems/NAME/setup, which then sets `inputs` (the files of its folder that decide what is installed), defines
# install() and calls: system_setup "$@"
#   setup           installs into $place unless it is there already; $place is kept between runs
#   setup --there   says by its exit code whether it is there, for these inputs
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
system=${here##*/}
place="$cache/systems/$system"

system_setup() {
  local stamp
  stamp=$(cd "$here" && cat setup ${inputs[@]+"${inputs[@]}"} | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$place/.stamp" 2>/dev/null)" = "$stamp" ]; then return 0; fi
  [ "${1:-}" != --there ] || return 1
  say "setting up $system in $place"
  rm -rf "$place"
  mkdir -p "$place"
  install
  echo "$stamp" >"$place/.stamp"
}

# venv_here REQUIREMENTS: $place/venv with exactly that file's requirements. uv resolves what pip would take minutes for.
venv_here() {
  quietly nice "$(system_python)" -m venv "$place/venv" || die "python3 -m venv failed"
  quietly nice "$place/venv/bin/pip" install -q uv==0.13.9 || die "pip could not install uv"
  quietly nice "$place/venv/bin/uv" pip install -p "$place/venv/bin/python" -r "$here/$1" || die "uv could not install $1"
}
