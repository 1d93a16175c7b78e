# Libraries: purls, the table, and the naming of code files.
lg_add_test(NAME unit_library LABELS unit LIBS lg_library
            SOURCES library_table_test.cc library_purl_test.cc library_application_test.cc library_dpkg_test.cc
                    library_fuzz_test.cc)
lg_add_test(NAME unit_library_resolver LABELS unit LIBS lg_library
            SOURCES library_resolver_test.cc library_distributions_test.cc library_machine_test.cc)
