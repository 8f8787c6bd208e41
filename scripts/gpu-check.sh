#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On a machine with an NVIDIA GPU: builds the library with CUDA, runs its tests with the GPU required, and prints the figures of
# docs/performance.md. Needs only nvcc, CMake, Ninja, nlohmann-json's header and a Python with PyTorch (2.8 or newer); what needs more
# (GoogleTest's cases, the program) is taken along where it is found. Installs nothing.
#   scripts/gpu-check.sh [--no-figures]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "gpu-check: error: $1" >&2
  exit 1
}
figures=yes
case "${1:-}" in
  "") ;;
  --no-figures) figures=no ;;
  *)
    echo "usage: scripts/gpu-check.sh [--no-figures]" >&2
    exit 2
    ;;
esac

for tool in nvcc cmake ninja; do command -v "$tool" >/dev/null || fail "no $tool on PATH"; done
. scripts/env.sh 2>/dev/null
python=${POINTATTN_PYTHON:-python3}
"$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null ||
  fail "$python has no PyTorch that sees a GPU"
torch=$("$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent)')
capability=$("$python" -c 'import torch; print("%d%d" % torch.cuda.get_device_capability())')

tests=OFF
if [ -f /usr/include/gtest/gtest.h ] || [ -f /usr/local/include/gtest/gtest.h ]; then tests=ON; fi
[ "$tests" = ON ] || echo "gpu-check: note: no GoogleTest; the operators are tested through Python alone"
build=build/gpu
# The tests are configured either way: those in Python need no GoogleTest.
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPOINTATTN_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$capability" \
  -DPOINTATTN_TORCH_DIR="$torch" -DPOINTATTN_TESTS="$tests" -DPOINTATTN_BENCH=ON
cmake --build "$build" -j "$(nproc)"

export POINTATTN_REQUIRE_CUDA=1
library=$build/libpointattn.so
code=0
"$python" tests/python/cuda_test.py "$library" || code=$?
"$python" tests/python/ops_test.py "$library" || code=$?
if [ "$tests" = ON ]; then ctest --test-dir "$build" --output-on-failure -j 4 || code=$?; fi
if [ "$figures" = yes ] && [ "$code" -eq 0 ]; then
  for pass in "" --train; do
    # shellcheck disable=SC2086
    "$python" bench/attention_peers.py --library "$library" --device cuda --n 1024,4096,16384,65536,262144 --only-ours-from 65536 $pass ||
      code=$?
  done
  "$python" bench/ops_peers.py --library "$library" --device cuda --n 1024,4096,16384,131072,1048576 --most-square 16384 || code=$?
fi
[ "$code" -eq 0 ] || fail "not all passed; the lines above say what"
