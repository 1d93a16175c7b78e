# Events, profiles and policies.
lg_add_test(NAME unit_event LABELS unit LIBS lg_event SOURCES event_test.cc event_format_test.cc)
lg_add_test(NAME unit_profile LABELS unit LIBS lg_profile SOURCES profile_test.cc)
lg_add_test(NAME unit_policy LABELS unit LIBS lg_policy SOURCES policy_test.cc policy_rules_test.cc policy_text_test.cc
            policy_calls_test.cc)
target_compile_definitions(unit_policy PRIVATE GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden/policy")
