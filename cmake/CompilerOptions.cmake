# SPDX-License-Identifier: Apache-2.0
# Compiler settings that every target of the project takes through pointattn_target(<target>).
find_program(POINTATTN_CCACHE ccache)
if(POINTATTN_CCACHE)
  # The sloppiness lets ccache serve sources that use a precompiled header.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
               ${POINTATTN_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${launcher})
endif()
if(POINTATTN_TIDY)
  find_program(POINTATTN_CLANG_TIDY clang-tidy REQUIRED)
endif()

function(pointattn_target target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    # A precompiled header is only taken with the very flags that made it, so programs use -fPIC as the library does.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fPIC>)
  endif()
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wconversion -Wno-sign-conversion
                                           -fno-math-errno -fpch-preprocess -fno-semantic-interposition>)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  if(POINTATTN_SANITIZE)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${POINTATTN_SANITIZE}
                                             -fno-sanitize-recover=all -fno-omit-frame-pointer>)
    target_link_options(${target} PUBLIC -fsanitize=${POINTATTN_SANITIZE})
  endif()
  if(POINTATTN_TIDY)
    set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY ${POINTATTN_CLANG_TIDY})
  endif()
endfunction()

# The tensor headers take ten seconds a source; once precompiled, one and a half. <torch/torch.h> must stay out: it leaves every source that sees
# it with templates to instantiate, six seconds more even when precompiled. Sources include the torch/nn headers that they need.
# Executables reuse what a target of the same flags made.
function(pointattn_precompile target)
  if(POINTATTN_PCH)
    target_precompile_headers(${target} PRIVATE <ATen/ATen.h> <torch/library.h>)
  endif()
endfunction()
function(pointattn_reuse_precompiled target from)
  if(POINTATTN_PCH)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()
