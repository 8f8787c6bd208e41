#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Brings what the build needs: Debian packages, and LibTorch 2.11 inside .deps/ unless CMAKE_PREFIX_PATH names one.
#   scripts/setup.sh                 everything, a Python with torch for the Python tests included (about 5 GB)
#   scripts/setup.sh --program-only  what the C++ program needs (about 1.3 GB)
# Asks nothing; does nothing when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

torch_version=2.11.0
packages=(g++ cmake ninja-build ccache libgtest-dev libcli11-dev nlohmann-json3-dev libhdf5-dev libpcl-dev
  libutf8proc-dev pkg-config libcairo2-dev libgif-dev fonts-dejavu-core libopen3d-dev
  zlib1g-dev libfaiss-dev liblapack-dev libblas-dev)

fail() {
  echo "setup: error: $1" >&2
  exit 1
}

full=yes
case "${1:-}" in
  "") ;;
  --program-only) full=no ;;
  *)
    echo "usage: scripts/setup.sh [--program-only]" >&2
    exit 2
    ;;
esac

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_packages NAME…: those that are missing, by apt-get where that needs no password.
install_packages() {
  local missing=() name run=() command
  for name in "$@"; do installed "$name" || missing+=("$name"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  command=(apt-get install -y --no-install-recommends "${missing[@]}")
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail "missing Debian packages. Run this, then start again:  sudo ${command[*]}"
    run=(sudo -n)
  fi
  echo "setup: installing ${missing[*]}"
  "${run[@]}" apt-get -qq update || echo "setup: note: apt-get update failed; trying with the lists at hand" >&2
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive "${command[@]}" >/dev/null ||
    fail "apt-get could not install them. See the lines above, repair it, and start again:  ${command[*]}"
}

pip_install() {
  .deps/python/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@" ||
    fail "pip could not install: $*. Check the network (pip's usual proxy and index settings are used) and the free disk space, or set CMAKE_PREFIX_PATH to a LibTorch $torch_version"
}

if command -v dpkg-query >/dev/null; then
  install_packages "${packages[@]}"
else
  echo "setup: note: no Debian here; these packages' counterparts must be installed: ${packages[*]}" >&2
fi

own_torch() {
  local at
  at=$(. scripts/env.sh 2>/dev/null && echo "${POINTATTN_TORCH:-}")
  [ -n "$at" ] && [[ "$at" != "$PWD/.deps/"* ]] && echo "$at"
}
if given=$(own_torch); then
  echo "setup: using the LibTorch in $given"
  exit 0
fi

wanted="$torch_version"
if [ "$(cat .deps/full.done 2>/dev/null)" = "$wanted" ]; then exit 0; fi
if [ "$full" = no ] && [ "$(cat .deps/program.done 2>/dev/null)" = "$wanted" ]; then exit 0; fi

if ! .deps/python/bin/python -m pip --version >/dev/null 2>&1; then
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    command -v dpkg-query >/dev/null || fail "needs python3 with venv"
    install_packages python3 python3-venv
  fi
  rm -rf .deps
  mkdir -p .deps
  python3 -m venv .deps/python || fail "python3 -m venv failed; on Debian:  apt-get install python3-venv"
fi
if [ "$(cat .deps/program.done 2>/dev/null)" != "$wanted" ]; then
  echo "setup: getting LibTorch $torch_version into .deps (about 600 MB to download)"
  pip_install --no-deps "torch==$torch_version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
  echo "$wanted" >.deps/program.done
fi
if [ "$full" = yes ]; then
  echo "setup: getting the rest of torch $torch_version for Python (about 2 GB to download)"
  pip_install "torch==$torch_version" numpy
  .deps/python/bin/python -c 'import torch' || fail "torch was installed, but Python cannot import it"
  echo "$wanted" >.deps/full.done
fi
