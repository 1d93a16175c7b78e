# The kernel's programs on real programs. All need root.
lg_add_system_test(bpf_parity 900 workloads ${CMAKE_CURRENT_LIST_DIR}/bpf_parity.py)
set_tests_properties(bpf_parity PROPERTIES LABELS bpf)
lg_add_system_test(bpf_refuse 300 bpf_refuse ${CMAKE_CURRENT_LIST_DIR}/bpf_refuse.py)
set_tests_properties(bpf_refuse PROPERTIES LABELS bpf)
lg_add_system_test(bpf_death 120 bpf_death ${CMAKE_CURRENT_LIST_DIR}/bpf_death.py)
set_tests_properties(bpf_death PROPERTIES LABELS bpf)
lg_add_test(NAME bpf_kernel LABELS bpf TIMEOUT 120 SOURCES ${CMAKE_CURRENT_LIST_DIR}/bpf_kernel_test.cc LIBS lg_bpf)
lg_add_test(NAME bpf_forms LABELS bpf TIMEOUT 120 SOURCES ${CMAKE_CURRENT_LIST_DIR}/bpf_forms_test.cc LIBS lg_bpf)
