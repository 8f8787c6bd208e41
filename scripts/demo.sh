#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to a labelled cloud: sets up, builds the program, segments FILE (or a sample) and writes out/<name>_parts.ply
# and a picture of it, out/<name>_parts.png.
#   scripts/demo.sh [FILE]
set -euo pipefail
file=""
if [ $# -gt 1 ]; then
  echo "usage: scripts/demo.sh [FILE]" >&2
  exit 2
fi
if [ $# -eq 1 ]; then
  if [ ! -f "$1" ]; then
    echo "demo: error: no file $1" >&2
    exit 1
  fi
  file=$(realpath "$1")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -n "$file" ] || file=samples/chair_sample.ply

scripts/build.sh --program-only
mkdir -p out
name=$(basename "$file")
build/release/pointattn segment "$file" -o "out/${name%.*}_parts.ply" --screenshot "out/${name%.*}_parts.png"
