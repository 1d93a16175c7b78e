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
