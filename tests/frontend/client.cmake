lg_add_test(NAME frontend_client LABELS frontend SOURCES client_test.cc client/fake_supervisor.cc TIMEOUT 600)
target_compile_definitions(frontend_client PRIVATE CLIENT="$<TARGET_FILE:guard_preload>"
                                                   TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/client")
add_dependencies(frontend_client guard_preload)
set_tests_properties(frontend_client PROPERTIES COST 80)
