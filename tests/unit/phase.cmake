# When a process begins to serve, seen from outside.
lg_add_test(NAME unit_phase LABELS unit LIBS lg_phase SOURCES phase_test.cc)
