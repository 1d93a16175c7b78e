# Living processes: their native stacks and what their memory points to.
lg_add_test(NAME unit_live LABELS unit SOURCES live_test.cc LIBS lg_live)
