# The verbs policy, merge and explain as a user types them.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
add_test(NAME golden_policy_verbs COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/policy_verbs.py
                                          $<TARGET_FILE:libguard>)
set_tests_properties(golden_policy_verbs PROPERTIES LABELS golden TIMEOUT 300)
# What goes wrong around them, and around record and run.
add_test(NAME golden_mishaps COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/mishaps.py $<TARGET_FILE:libguard>)
set_tests_properties(golden_mishaps PROPERTIES LABELS golden TIMEOUT 300)
