# SPDX-License-Identifier: Apache-2.0
# Read by ctest, once for each test program, with its path in `program`, its name in `name` and `label`: one test a suite. A case is not a
# test of its own, because loading LibTorch takes longer than most cases do.
set(list ${program}.suites)
if(NOT EXISTS ${program})
  add_test(${name}_NOT_BUILT ${name}_NOT_BUILT)
  return()
endif()
if(${program} IS_NEWER_THAN ${list})
  execute_process(COMMAND ${program} --gtest_list_tests OUTPUT_VARIABLE cases RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${program} --gtest_list_tests ended with ${code}")
  endif()
  string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+[.]( *#[^\n]*)?\n" suites "${cases}")  # cases are indented
  list(TRANSFORM suites REPLACE "^\n*([A-Za-z0-9_/]+)[.].*" "\\1")
  list(JOIN suites "\n" lines)
  file(WRITE ${list} "${lines}\n")
endif()
file(STRINGS ${list} suites)
foreach(suite IN LISTS suites)
  add_test(${suite} ${program} --gtest_filter=${suite}.*)
  set_tests_properties(${suite} PROPERTIES LABELS ${label} TIMEOUT 900)
endforeach()
