# Faults around the guard. As root the disk and limit cases see more; as an ordinary user there is nothing that helps.
add_test(NAME system_faults
         COMMAND ${CMAKE_COMMAND} -E env LIBGUARD=$<TARGET_FILE:libguard> LIBGUARD_TEST_DIR=${CMAKE_BINARY_DIR}/system
                 ${LIBGUARD_PYTHON311} ${CMAKE_CURRENT_LIST_DIR}/faults.py --as-user)
set_tests_properties(system_faults PROPERTIES LABELS system TIMEOUT 900 RESOURCE_LOCK faults COST 60)
# As root too, where programs in the kernel might refuse.
add_test(NAME bpf_nobody_left
         COMMAND ${CMAKE_COMMAND} -E env LIBGUARD=$<TARGET_FILE:libguard> LIBGUARD_TEST_DIR=${CMAKE_BINARY_DIR}/system
                 ${LIBGUARD_PYTHON311} ${CMAKE_CURRENT_LIST_DIR}/faults.py --only nobody_left)
set_tests_properties(bpf_nobody_left PROPERTIES LABELS bpf TIMEOUT 120 RESOURCE_LOCK faults)
