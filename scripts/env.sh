# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# To be sourced, in bash or zsh: . scripts/env.sh
# Sets what a shell needs to build and use the project:
#   CMAKE_PREFIX_PATH  the LibTorch in use first: the caller's own, else the one in .deps
#   POINTATTN_TORCH    its folder
#   POINTATTN_PYTHON   a Python that can `import torch` of that LibTorch, also first on PATH
#   PATH               the built program
# Changes no other setting of the shell and never ends it; says on stderr what is missing and what brings it.

if [ -n "${BASH_VERSION:-}" ]; then
  _pointattn_file=${BASH_SOURCE[0]}
else
  eval '_pointattn_file=${(%):-%x}'
fi
POINTATTN_ROOT=$(cd "$(dirname "$_pointattn_file")/.." && pwd)
export POINTATTN_ROOT
unset _pointattn_file

# Folder of LibTorch for one entry of CMAKE_PREFIX_PATH: itself, its parent's torch/ or libtorch/, or the share/cmake below it.
_pointattn_torch_at() {
  for _pointattn_folder in "$1" "$1/torch" "$1/libtorch" "$1/../.." "$1/../../.."; do
    if [ -f "$_pointattn_folder/lib/libtorch_cpu.so" ] && [ -d "$_pointattn_folder/include/torch" ]; then
      (cd "$_pointattn_folder" && pwd)
      return 0
    fi
  done
  return 1
}

_pointattn_find_torch() {
  _pointattn_rest=${CMAKE_PREFIX_PATH:-}
  while [ -n "$_pointattn_rest" ]; do
    _pointattn_entry=${_pointattn_rest%%[:;]*}
    if [ -n "$_pointattn_entry" ] && _pointattn_torch_at "$_pointattn_entry"; then return 0; fi
    case $_pointattn_rest in
      *[:\;]*) _pointattn_rest=${_pointattn_rest#*[:;]} ;;
      *) _pointattn_rest= ;;
    esac
  done
  _pointattn_own=$(find "$POINTATTN_ROOT/.deps/python/lib" -maxdepth 3 -type d -path '*/site-packages/torch' 2>/dev/null | head -n 1)
  [ -n "$_pointattn_own" ] && _pointattn_torch_at "$_pointattn_own"
}

# The Python beside a LibTorch that lies in its site-packages.
_pointattn_find_python() {
  [ -f "$POINTATTN_TORCH/__init__.py" ] || return 1
  _pointattn_python=$(cd "$POINTATTN_TORCH/../../../.." && pwd)/bin/python
  [ -x "$_pointattn_python" ] || return 1
  case $POINTATTN_TORCH in
    # The C++ program needs a part of the wheel's dependencies only; `import torch` needs all.
    "$POINTATTN_ROOT/.deps/"*) [ -f "$POINTATTN_ROOT/.deps/full.done" ] || return 1 ;;
  esac
  echo "$_pointattn_python"
}

_pointattn_on_path() {
  case ":$PATH:" in
    *":$1:"*) ;;
    *) export PATH="$1:$PATH" ;;
  esac
}

if POINTATTN_TORCH=$(_pointattn_find_torch); then
  export POINTATTN_TORCH
  case "${CMAKE_PREFIX_PATH:-}" in
    "$POINTATTN_TORCH" | "$POINTATTN_TORCH":*) ;;
    *) export CMAKE_PREFIX_PATH="$POINTATTN_TORCH${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}" ;;
  esac
  if POINTATTN_PYTHON=$(_pointattn_find_python); then
    export POINTATTN_PYTHON
    _pointattn_on_path "$(dirname "$POINTATTN_PYTHON")"
  else
    unset POINTATTN_PYTHON
    case $POINTATTN_TORCH in
      "$POINTATTN_ROOT/.deps/"*) echo "note: no Python with torch yet; scripts/setup.sh gets it" >&2 ;;
      *) echo "note: the LibTorch of CMAKE_PREFIX_PATH ($POINTATTN_TORCH) has no Python beside it; unset CMAKE_PREFIX_PATH and run scripts/setup.sh for one that has" >&2 ;;
    esac
  fi
else
  unset POINTATTN_TORCH POINTATTN_PYTHON
  echo "note: no LibTorch yet; scripts/setup.sh gets it, or set CMAKE_PREFIX_PATH to the folder of one" >&2
fi
_pointattn_on_path "$POINTATTN_ROOT/build/release"
# Checkouts in different folders share the compiler cache.
export CCACHE_BASEDIR="$POINTATTN_ROOT"

unset -f _pointattn_torch_at _pointattn_find_torch _pointattn_find_python _pointattn_on_path
unset _pointattn_folder _pointattn_rest _pointattn_entry _pointattn_own _pointattn_python
