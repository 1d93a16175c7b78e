# The walk: the pure header, the walker over made-up programs, process memory, offsets, names.
lg_add_test(NAME unit_pushed LABELS unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/pushed_test.cc LIBS lg_walk)
lg_add_test(NAME unit_walk LABELS unit LIBS lg_walk
            SOURCES walk_header_test.cc walk_walker_test.cc walk_memory_test.cc)
# The client's own writer beside the reader; its flags for code in other processes are not for tests.
lg_add_test(NAME unit_walk_codes LABELS unit LIBS lg_walk $<TARGET_FILE:lg_client> SOURCES walk_codes_test.cc)
add_dependencies(unit_walk_codes lg_client)
find_program(LG_BPF_CLANG NAMES clang-14 clang REQUIRED)
add_test(NAME unit_walk_bpf_compiles
         COMMAND ${LG_BPF_CLANG} -target bpf -O2 -Wall -Wextra -Werror -I${CMAKE_SOURCE_DIR}
                 -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -c ${CMAKE_CURRENT_LIST_DIR}/walk_bpf.c -o walk_bpf.o)
set_tests_properties(unit_walk_bpf_compiles PROPERTIES LABELS unit)
