# Pure parts of the notify backend.
lg_add_test(NAME unit_notify LABELS unit SOURCES ${CMAKE_CURRENT_LIST_DIR}/notify_test.cc LIBS lg_backend)
