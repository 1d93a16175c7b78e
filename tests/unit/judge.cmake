# The judge: stories, properties, and that the kernel's compiler takes the same headers.
lg_add_test(NAME unit_judge LABELS unit
            SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/judge_test.cc ${CMAKE_SOURCE_DIR}/tests/unit/judge_property_test.cc
            LIBS lg_rights)
find_program(BPF_CLANG NAMES clang-14 clang)
if(BPF_CLANG)
  add_test(NAME unit_judge_compiles_for_bpf
           COMMAND ${BPF_CLANG} -target bpf -O2 -g -Wall -Wextra -Werror -I${CMAKE_SOURCE_DIR}
                   -I/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE} -c ${CMAKE_SOURCE_DIR}/tests/unit/judge_probe.bpf.c
                   -o ${CMAKE_CURRENT_BINARY_DIR}/judge_probe.bpf.o)
  set_tests_properties(unit_judge_compiles_for_bpf PROPERTIES LABELS unit FIXTURES_SETUP judge_probe)
else()
  message(WARNING "clang is missing: the test unit_judge_compiles_for_bpf is not built")
endif()
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin)
if(BPF_CLANG AND BPFTOOL)
  # The verifier accepts classifier and judge; needs root.
  set(pin /sys/fs/bpf/libguard_judge_probe)
  add_test(NAME bpf_judge_loads
           COMMAND sh -c "rm -f ${pin} && '${BPFTOOL}' prog load judge_probe.bpf.o ${pin} && rm ${pin}"
           WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  set_tests_properties(bpf_judge_loads PROPERTIES LABELS bpf FIXTURES_REQUIRED judge_probe)
endif()
