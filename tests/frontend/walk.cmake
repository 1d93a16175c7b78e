# The walk over the stacks of real interpreters: every shape of stack, then random ones.
find_program(LG_PYTHON311 python3.11 PATHS /usr/bin NO_DEFAULT_PATH)
file(GLOB walk_pythons $ENV{HOME}/.pyenv/versions/3.9.*/bin/python3.9 $ENV{HOME}/.pyenv/versions/3.1[0-4].*/bin/python3.1[0-4])
set(walk_folder ${CMAKE_CURRENT_SOURCE_DIR}/walk)
set(LG_WALK_COMPARISONS 100000 CACHE STRING "Random comparisons of the walk per interpreter")

add_executable(walk_probe ${walk_folder}/walk_probe.cc ${walk_folder}/guarded_child.cc)
target_link_libraries(walk_probe PRIVATE lg_walk)
lg_warnings(walk_probe)

foreach(python IN LISTS LG_PYTHON311 walk_pythons)
  if(NOT python)
    continue()
  endif()
  string(REGEX REPLACE "^/usr/bin/" "system-" name ${python})
  string(REGEX REPLACE "^.*/versions/([^/]*)/.*$" "\\1" name ${name})
  add_test(NAME frontend_walk_scenarios_${name} COMMAND walk_probe ${python} ${walk_folder}/scenarios.py)
  add_test(NAME frontend_walk_stress_${name} COMMAND walk_probe ${python} ${walk_folder}/stress.py ${LG_WALK_COMPARISONS})
  set_tests_properties(frontend_walk_scenarios_${name} frontend_walk_stress_${name}
                       PROPERTIES LABELS frontend TIMEOUT 300)
  if(TARGET libguard)
    add_test(NAME frontend_walk_stale_code_${name}
             COMMAND ${python} ${walk_folder}/stale_code.py check ${CMAKE_BINARY_DIR}/stale_code/${name} $<TARGET_FILE:libguard>)
    set_tests_properties(frontend_walk_stale_code_${name} PROPERTIES LABELS frontend TIMEOUT 120)
  endif()
endforeach()
