# Events, profiles and policies.
lg_add_test(NAME unit_event LABELS unit LIBS lg_event SOURCES event_test.cc event_format_test.cc)
