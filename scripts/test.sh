#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up, builds everything and runs every test. With nvcc on PATH it also compiles the CUDA kernels.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/build.sh
. scripts/env.sh

# The kernels and the sources that join them to LibTorch; the rest of the library does not change with CUDA.
compile_cuda() {
  local targets=(pointattn_cuda) source
  cmake --preset cuda -DPOINTATTN_TORCH_DIR="$POINTATTN_TORCH" -DPOINTATTN_TESTS=OFF -DPOINTATTN_BENCH=OFF >build/cuda.log 2>&1 ||
    { cat build/cuda.log >&2; return 1; }
  for source in pointattn/ops/*_cuda.cpp; do
    targets+=("library/CMakeFiles/pointattn.dir/${source#pointattn/}.o")
  done
  cmake --build --preset cuda -j "$(nproc)" --target "${targets[@]}"
}
if ! command -v nvcc >/dev/null; then
  echo "test: SKIPPED compiling the CUDA kernels: no nvcc on PATH (install a CUDA 13 toolkit to include them)"
elif ! compile_cuda; then
  echo "test: error: the CUDA kernels do not compile; the lines above say why" >&2
  exit 1
fi

log=build/release/ctest.log
code=0
# The preset lets threads wait passively: two tests at once on two cores would spin against each other.
ctest --preset cpu -j 2 2>&1 | tee "$log" || code=$?
# Cases that were skipped stand in suites that passed: how many, and why.
awk '/: Skipped$/ { getline reason; count[reason]++ }
     END { for (reason in count) print "test: SKIPPED " count[reason] (count[reason] > 1 ? " cases: " : " case: ") reason }' \
  build/release/Testing/Temporary/LastTest.log | sort
# The last line is ctest's own count, whatever ctest lists after it.
grep -E '[0-9]+% tests passed' "$log" || { echo "test: error: ctest ran no test" >&2; exit 1; }
exit "$code"
