lg_add_test(NAME unit_preemption LABELS unit SOURCES preemption_test.cc paging_test.cc LIBS lg_bpf)

# The programs in the kernel. All need root.
lg_add_test(NAME bpf_load LABELS bpf SOURCES bpf_load_test.cc LIBS lg_bpf)
target_compile_definitions(bpf_load PRIVATE BPF_OBJECT="${CMAKE_BINARY_DIR}/core/backend/bpf/generated/guard.bpf.o")
set(bpf_copies ${CMAKE_CURRENT_BINARY_DIR}/bpf_copies.bpf.o)
file(GLOB bpf_copies_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bpf/*.h ${CMAKE_SOURCE_DIR}/bpf/*.def)
add_custom_command(
  OUTPUT ${bpf_copies}
  COMMAND ${LIBGUARD_BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror
          -I${CMAKE_SOURCE_DIR} -I/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}
          -c ${CMAKE_CURRENT_LIST_DIR}/bpf_copies.bpf.c -o ${bpf_copies}
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/bpf_copies.bpf.c ${CMAKE_CURRENT_LIST_DIR}/bpf_copies.h ${bpf_copies_headers})
add_custom_target(bpf_copies_object DEPENDS ${bpf_copies})
lg_add_test(NAME bpf_copies LABELS bpf SOURCES bpf_copies_test.cc LIBS lg_bpf TIMEOUT 600)
target_compile_definitions(bpf_copies PRIVATE BPF_OBJECT="${bpf_copies}")
add_dependencies(bpf_copies bpf_copies_object)
