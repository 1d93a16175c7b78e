# Benchmarks: built with the tests, run by hand (docs/benchmarks.md). None has a time limit; one smoke test runs each
# with tiny counts and only asks that it prints its table.
if(NOT TARGET libguard)
  return()
endif()
add_executable(ablation ablation/main.cc ablation/rules.cc ${CMAKE_SOURCE_DIR}/cli/guard_flags.cc
                        ${CMAKE_SOURCE_DIR}/cli/summary.cc)
target_include_directories(ablation PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(ablation PRIVATE lg_guard lg_policy CLI11::CLI11)
lg_warnings(ablation)
# The client is looked for beside the executable, as an installed libguard does.
add_dependencies(ablation guard_preload)

find_program(LIBGUARD_BENCH_PYTHON python3.11 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
add_test(NAME system_bench
         COMMAND ${CMAKE_COMMAND} -E env LIBGUARD=$<TARGET_FILE:libguard> LIBGUARD_TEST_DIR=${CMAKE_BINARY_DIR}/system
                 ${LIBGUARD_BENCH_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/smoke.py $<TARGET_FILE:ablation>)
set_tests_properties(system_bench PROPERTIES LABELS system TIMEOUT 900 RESOURCE_LOCK "victims;workloads")
add_test(NAME bpf_bench
         COMMAND ${CMAKE_COMMAND} -E env LIBGUARD=$<TARGET_FILE:libguard> LIBGUARD_TEST_DIR=${CMAKE_BINARY_DIR}/system
                 ${LIBGUARD_BENCH_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/backends.py --rounds 1 --count 3 --depths 5 --only gunicorn
                 --requests 6 --server-rounds 1)
set_tests_properties(bpf_bench PROPERTIES LABELS bpf TIMEOUT 300 RESOURCE_LOCK "victims;workloads")
