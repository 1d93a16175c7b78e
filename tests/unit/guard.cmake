lg_add_test(NAME unit_guard LABELS unit SOURCES guard_test.cc LIBS lg_guard)
