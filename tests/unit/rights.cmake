# The table of rights, the seccomp filter, the vouching table.
lg_add_test(NAME unit_rights LABELS unit
            SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/rights_table_test.cc ${CMAKE_SOURCE_DIR}/tests/unit/rights_vouching_test.cc
                    ${CMAKE_SOURCE_DIR}/tests/unit/rights_filter_test.cc ${CMAKE_SOURCE_DIR}/tests/unit/rights_kernel_test.cc
                    ${CMAKE_SOURCE_DIR}/tests/unit/rights_kill_test.cc
            LIBS lg_rights)
find_program(SYSTEMD_ANALYZE systemd-analyze)
find_library(SECCOMP_LIBRARY seccomp)
if(SYSTEMD_ANALYZE AND SECCOMP_LIBRARY)
  lg_add_test(NAME unit_rights_systemd LABELS unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/rights_systemd_test.cc
              LIBS lg_rights ${SECCOMP_LIBRARY})
  target_compile_definitions(unit_rights_systemd PRIVATE SYSTEMD_ANALYZE="${SYSTEMD_ANALYZE}")
else()
  message(WARNING "systemd-analyze or libseccomp is missing: the test unit_rights_systemd is not built")
endif()
