# The walk over the stacks of real interpreters: every shape of stack, then random ones.
find_program(LG_PYTHON311 python3.11 PATHS /usr/bin NO_DEFAULT_PATH)
file(GLOB walk_pythons $ENV{HOME}/.pyenv/versions/3.9.*/bin/python3.9 $ENV{HOME}/.pyenv/versions/3.1[0-5].*/bin/python3.1[0-5])
set(walk_folder ${CMAKE_CURRENT_SOURCE_DIR}/walk)
set(LG_WALK_COMPARISONS 100000 CACHE STRING "Random comparisons of the walk per interpreter")

set(LG_KERNEL_WALK_COMPARISONS 20000 CACHE STRING "Random comparisons of the walk in the kernel per interpreter")

# The walk that the bpf backend makes in the kernel, as a program of its own.
set(kernel_copy ${CMAKE_CURRENT_BINARY_DIR}/kernel_copy.bpf.o)
file(GLOB kernel_copy_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bpf/*.h ${CMAKE_SOURCE_DIR}/bpf/*.def)
add_custom_command(
  OUTPUT ${kernel_copy}
  COMMAND ${LIBGUARD_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -D__TARGET_ARCH_x86
          -I${CMAKE_SOURCE_DIR} -I/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}
          -c ${walk_folder}/kernel_copy.bpf.c -o ${kernel_copy}
  DEPENDS ${walk_folder}/kernel_copy.bpf.c ${walk_folder}/kernel_copy.h ${kernel_copy_headers})
add_custom_target(kernel_copy_object DEPENDS ${kernel_copy})

add_executable(walk_probe ${walk_folder}/walk_probe.cc ${walk_folder}/guarded_child.cc ${walk_folder}/kernel_walk.cc)
target_link_libraries(walk_probe PRIVATE lg_walk ${LIBGUARD_LIBBPF})
target_compile_definitions(walk_probe PRIVATE BPF_OBJECT="${kernel_copy}")
add_dependencies(walk_probe kernel_copy_object)
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
  add_test(NAME bpf_walk_scenarios_${name} COMMAND walk_probe --kernel ${python} ${walk_folder}/scenarios.py)
  add_test(NAME bpf_walk_stress_${name}
           COMMAND walk_probe --kernel ${python} ${walk_folder}/stress.py ${LG_KERNEL_WALK_COMPARISONS})
  set_tests_properties(bpf_walk_scenarios_${name} bpf_walk_stress_${name} PROPERTIES LABELS bpf TIMEOUT 300)
  if(TARGET libguard)
    add_test(NAME frontend_walk_stale_code_${name}
             COMMAND ${python} ${walk_folder}/stale_code.py check ${CMAKE_BINARY_DIR}/stale_code/${name} $<TARGET_FILE:libguard>)
    set_tests_properties(frontend_walk_stale_code_${name} PROPERTIES LABELS frontend TIMEOUT 120)
  endif()
endforeach()
