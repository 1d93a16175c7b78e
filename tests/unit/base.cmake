# Whole files.
lg_add_test(NAME unit_base LABELS unit SOURCES base_file_test.cc LIBS lg_base)
