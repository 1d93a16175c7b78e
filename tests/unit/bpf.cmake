# The programs in the kernel. All need root.
lg_add_test(NAME bpf_load LABELS bpf SOURCES bpf_load_test.cc LIBS lg_bpf)
target_compile_definitions(bpf_load PRIVATE BPF_OBJECT="${CMAKE_BINARY_DIR}/core/backend/bpf/generated/guard.bpf.o")
