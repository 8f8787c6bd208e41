#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up and builds into build/release: the program pointattn, libpointattn.so, tests and benchmarks.
#   scripts/build.sh                 everything
#   scripts/build.sh --program-only  the program and its library
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

targets=()
case "${1:-}" in
  "") scripts/setup.sh ;;
  --program-only)
    scripts/setup.sh --program-only
    targets=(--target pointattn_cli)
    ;;
  *)
    echo "usage: scripts/build.sh [--program-only]" >&2
    exit 2
    ;;
esac
. scripts/env.sh 2>/dev/null
[ -n "${POINTATTN_TORCH:-}" ] || { echo "build: error: no LibTorch found; run scripts/setup.sh" >&2; exit 1; }

# A compiler takes up to 1.5 GB for a source that sees LibTorch: as many at a time as cores and memory allow.
cores=$(nproc)
by_memory=$(awk '/MemAvailable/ {print int($2 / 1572864)}' /proc/meminfo)
jobs=$((by_memory < cores ? by_memory : cores))
[ "$jobs" -ge 1 ] || jobs=1

cache=build/release/CMakeCache.txt
if [ ! -f build/release/build.ninja ] || ! grep -qxF "POINTATTN_TORCH_DIR:PATH=$POINTATTN_TORCH" "$cache"; then
  mkdir -p build/release
  echo "build: configuring (log: build/release/configure.log)"
  if ! cmake --preset cpu -DPOINTATTN_TORCH_DIR="$POINTATTN_TORCH" >build/release/configure.log 2>&1; then
    grep -A 5 'CMake Error' build/release/configure.log >&2 || tail -n 20 build/release/configure.log >&2
    echo "build: error: cmake could not configure; the lines above say why" >&2
    exit 1
  fi
fi
if ! cmake --build --preset cpu -j "$jobs" "${targets[@]}"; then
  echo "build: error: compiling failed; the first 'error:' above says where. After an update of compiler or packages, remove build/ and start again" >&2
  exit 1
fi
