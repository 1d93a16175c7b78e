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
