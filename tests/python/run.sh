#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh TORCH_VERSION SCRIPT LIBRARY [PYTHON…]: runs SCRIPT LIBRARY with the first Python that has this torch (major.minor).
# Without one it says so and ends with 77, which ctest reports as skipped.
version=$1
script=$2
library=$3
shift 3
for python in "$POINTATTN_PYTHON" "$@"; do
  [ -n "$python" ] || continue
  if "$python" -c "import sys, torch; sys.exit(not torch.__version__.startswith('$version.'))" 2>/dev/null; then
    exec "$python" "$script" "$library"
  fi
done
echo "skipped: no Python with torch $version; set POINTATTN_PYTHON (tried: $POINTATTN_PYTHON $*)"
exit 77
