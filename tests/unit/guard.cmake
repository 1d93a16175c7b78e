lg_add_test(NAME unit_guard LABELS unit SOURCES guard_test.cc data_directories_test.cc LIBS lg_guard)
