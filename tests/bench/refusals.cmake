# What a refused call costs: printed by hand (docs/benchmarks.md), and once with a tiny count.
if(NOT TARGET libguard)
  return()
endif()
add_executable(refused_guest ${CMAKE_SOURCE_DIR}/tests/victims/native/refused_guest.c)
target_compile_options(refused_guest PRIVATE -std=gnu11 -O2 -Wall -Wextra -Werror)
add_test(NAME bpf_refusals_bench
         COMMAND ${CMAKE_COMMAND} -E env LIBGUARD=$<TARGET_FILE:libguard> LIBGUARD_TEST_DIR=${CMAKE_BINARY_DIR}/system
                 ${LIBGUARD_BENCH_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/refusals.py $<TARGET_FILE:refused_guest> --count 50)
set_tests_properties(bpf_refusals_bench PROPERTIES LABELS bpf TIMEOUT 120 RESOURCE_LOCK bpf_pins)
