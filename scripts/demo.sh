#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From nothing to a result: sets up, builds the program, and
#   scripts/demo.sh [FILE]            segments FILE (or a sample): out/<name>_parts.ply and a picture of it, out/<name>_parts.png
#   scripts/demo.sh --search "WORDS"  makes a gallery of generated shapes and finds those that the words describe:
#                                     out/search.html shows them and which words met which part, out/search.png is a picture
set -euo pipefail
usage() {
  echo 'usage: scripts/demo.sh [FILE | --search "WORDS"]' >&2
  exit 2
}
file="" words=""
if [ "${1:-}" = --search ]; then
  [ $# -eq 2 ] && [ -n "$2" ] || usage
  words=$2
elif [ $# -gt 1 ]; then
  usage
elif [ $# -eq 1 ]; then
  if [ ! -f "$1" ]; then
    echo "demo: error: no file $1" >&2
    exit 1
  fi
  file=$(realpath "$1")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/build.sh --program-only
pointattn=build/release/pointattn
mkdir -p out

if [ -n "$words" ]; then
  if [ ! -d out/gallery ] || [ weights/retrieval.safetensors -nt out/gallery ]; then
    rm -rf out/gallery  # of another model, if any
    # Other shapes than those that the shipped weights were trained on: another seed.
    $pointattn generate --seed 2026 --count 8 --points 1024 -o out/shapes --captions out/shapes.tsv >/dev/null
    $pointattn embed out/shapes -o out/gallery
  fi
  $pointattn search out/gallery "$words" -k 6 --explain out/search.html --screenshot out/search.png
  exit
fi

[ -n "$file" ] || file=samples/chair_sample.ply
name=$(basename "$file")
$pointattn segment "$file" -o "out/${name%.*}_parts.ply" --screenshot "out/${name%.*}_parts.png"
