# Native programs: one says itself which of its libraries it is in.
add_executable(push_guest ${CMAKE_SOURCE_DIR}/tests/victims/native/push_guest.c)
target_include_directories(push_guest PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/core/include)
target_link_libraries(push_guest PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
target_compile_options(push_guest PRIVATE -std=gnu11 -O2 -Wall -Wextra -Werror)
lg_add_system_test(system_push 300 push ${CMAKE_CURRENT_LIST_DIR}/push.py $<TARGET_FILE:push_guest> --as-user)
lg_add_system_test(bpf_push 300 push ${CMAKE_CURRENT_LIST_DIR}/push.py $<TARGET_FILE:push_guest> --backend auto)
set_tests_properties(bpf_push PROPERTIES LABELS bpf)
# Programs that hold an interpreter, and what the runtime runs with nobody else on the stack.
lg_add_system_test(system_without_libraries 120 without_libraries ${CMAKE_CURRENT_LIST_DIR}/without_libraries.py --as-user)
lg_add_system_test(bpf_without_libraries 120 without_libraries ${CMAKE_CURRENT_LIST_DIR}/without_libraries.py --backend auto)
set_tests_properties(bpf_without_libraries PROPERTIES LABELS bpf)
# A native program that tries what is known against a refusal.
add_executable(bypass_guest ${CMAKE_SOURCE_DIR}/tests/victims/native/bypass_guest.c)
target_link_libraries(bypass_guest PRIVATE Threads::Threads)
target_compile_options(bypass_guest PRIVATE -std=gnu11 -O2 -Wall -Wextra -Werror)
lg_add_system_test(system_bypass 300 bypass ${CMAKE_CURRENT_LIST_DIR}/bypass.py $<TARGET_FILE:bypass_guest> --as-user)
lg_add_system_test(bpf_bypass 300 bypass ${CMAKE_CURRENT_LIST_DIR}/bypass.py $<TARGET_FILE:bypass_guest> --backend auto)
set_tests_properties(bpf_bypass PROPERTIES LABELS bpf)
