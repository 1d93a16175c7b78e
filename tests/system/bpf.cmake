# The kernel's programs on real programs. All need root.
lg_add_system_test(bpf_parity 900 workloads ${CMAKE_CURRENT_LIST_DIR}/bpf_parity.py)
set_tests_properties(bpf_parity PROPERTIES LABELS bpf)
lg_add_system_test(bpf_refuse 300 bpf_refuse ${CMAKE_CURRENT_LIST_DIR}/bpf_refuse.py)
set_tests_properties(bpf_refuse PROPERTIES LABELS bpf)
lg_add_system_test(bpf_death 120 bpf_death ${CMAKE_CURRENT_LIST_DIR}/bpf_death.py)
set_tests_properties(bpf_death PROPERTIES LABELS bpf RESOURCE_LOCK bpf_pins)
lg_add_system_test(bpf_names 60 bpf_names ${CMAKE_CURRENT_LIST_DIR}/bpf_names.py)
set_tests_properties(bpf_names PROPERTIES LABELS bpf)
lg_add_system_test(bpf_feed 120 bpf_feed ${CMAKE_CURRENT_LIST_DIR}/bpf_feed.py)
set_tests_properties(bpf_feed PROPERTIES LABELS bpf)
# A native program of which thousands of threads and programs do what is denied.
add_executable(fault_guest ${CMAKE_SOURCE_DIR}/tests/victims/native/fault_guest.c)
target_link_libraries(fault_guest PRIVATE Threads::Threads)
target_compile_options(fault_guest PRIVATE -std=gnu11 -O2 -Wall -Wextra -Werror)
add_executable(storage_churn ${CMAKE_CURRENT_LIST_DIR}/storage_churn.cc)
target_link_libraries(storage_churn PRIVATE lg_bpf Threads::Threads)
lg_warnings(storage_churn)
lg_add_system_test(bpf_faults 120 bpf_faults ${CMAKE_CURRENT_LIST_DIR}/bpf_faults.py $<TARGET_FILE:fault_guest>)
set_tests_properties(bpf_faults PROPERTIES LABELS bpf RESOURCE_LOCK bpf_pins)  # bpf_death wants none to be left
lg_add_test(NAME bpf_kernel LABELS bpf TIMEOUT 120 SOURCES ${CMAKE_CURRENT_LIST_DIR}/bpf_kernel_test.cc LIBS lg_bpf)
lg_add_test(NAME bpf_forms LABELS bpf TIMEOUT 120 SOURCES ${CMAKE_CURRENT_LIST_DIR}/bpf_forms_test.cc ${CMAKE_CURRENT_LIST_DIR}/bpf_stubs_test.cc
            LIBS lg_bpf)
