# SPDX-License-Identifier: Apache-2.0
# LibTorch as imported targets `torch::cpu` (and `torch::cuda`), made from its folder. Torch's own CMake package of a CUDA wheel
# refuses to configure without a CUDA toolkit, although its CPU libraries need none.
string(REPLACE ":" ";" torch_prefixes "$ENV{CMAKE_PREFIX_PATH}")
find_path(POINTATTN_TORCH_DIR NAMES include/torch/csrc/api/include/torch/torch.h lib/libtorch_cpu.so
          HINTS ${CMAKE_PREFIX_PATH} ${torch_prefixes}
                ${CMAKE_SOURCE_DIR}/.deps/python/lib/python3.11/site-packages/torch
          DOC "Folder of LibTorch (include/ and lib/ inside)" NO_DEFAULT_PATH)
if(NOT POINTATTN_TORCH_DIR)
  message(FATAL_ERROR "LibTorch not found: run scripts/setup.sh, or pass -DCMAKE_PREFIX_PATH=<folder of LibTorch>")
endif()
set(torch_include ${POINTATTN_TORCH_DIR}/include)
set(torch_lib ${POINTATTN_TORCH_DIR}/lib)

file(STRINGS ${torch_include}/torch/headeronly/version.h torch_version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR) ")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*" "\\1.\\2" POINTATTN_TORCH_VERSION "${torch_version_lines}")
if(POINTATTN_TORCH_VERSION VERSION_LESS 2.8)
  message(FATAL_ERROR "LibTorch 2.8 or newer is needed, got ${POINTATTN_TORCH_VERSION} in ${POINTATTN_TORCH_DIR}")
endif()

add_library(torch::c10 SHARED IMPORTED GLOBAL)
set_target_properties(torch::c10 PROPERTIES IMPORTED_LOCATION ${torch_lib}/libc10.so)
target_include_directories(torch::c10 SYSTEM INTERFACE ${torch_include} ${torch_include}/torch/csrc/api/include)

# at::parallel_for is a header template: without OpenMP in our own sources it would run on one thread.
find_file(POINTATTN_GOMP NAMES libgomp.so.1 HINTS ${torch_lib} NO_DEFAULT_PATH)
add_library(torch::cpu SHARED IMPORTED GLOBAL)
set_target_properties(torch::cpu PROPERTIES IMPORTED_LOCATION ${torch_lib}/libtorch_cpu.so)
target_link_libraries(torch::cpu INTERFACE torch::c10)
target_compile_options(torch::cpu INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
if(POINTATTN_GOMP)
  target_link_libraries(torch::cpu INTERFACE ${POINTATTN_GOMP})
else()
  target_link_libraries(torch::cpu INTERFACE gomp)
endif()
# libtorch_cpu finds its own dependencies through its own run path; the linker need not.
target_link_options(torch::cpu INTERFACE -Wl,--unresolved-symbols=ignore-in-shared-libs)

if(EXISTS ${torch_lib}/libtorch_cuda.so)
  add_library(torch::cuda SHARED IMPORTED GLOBAL)
  set_target_properties(torch::cuda PROPERTIES IMPORTED_LOCATION ${torch_lib}/libtorch_cuda.so)
  # Kernels register themselves when the library loads, so it must stay linked although no symbol is used.
  target_link_libraries(torch::cuda INTERFACE -Wl,--no-as-needed ${torch_lib}/libc10_cuda.so
                                              ${torch_lib}/libtorch_cuda.so -Wl,--as-needed torch::cpu)
endif()
pointattn_report(LibTorch "${POINTATTN_TORCH_VERSION} in ${POINTATTN_TORCH_DIR}")
