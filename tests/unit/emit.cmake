# Reports: golden files for text, JSON and CSV; the page for the browser test.
lg_add_test(NAME unit_emit LABELS unit SOURCES emit_test.cc emit_sample_profile.cc LIBS lg_emit)
target_compile_definitions(unit_emit PRIVATE GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden/report"
                           REPORT_SCHEMA="${CMAKE_SOURCE_DIR}/docs/formats/report.schema.json")
# Writes the pages that tests/frontend/heatmap_browser_test.py opens.
add_executable(emit_print_page emit_print_page.cc emit_sample_profile.cc)
target_link_libraries(emit_print_page PRIVATE lg_emit)
# Whitelists, whose shape others define.
lg_add_test(NAME unit_whitelist LABELS unit SOURCES whitelist_test.cc LIBS lg_emit)
target_compile_definitions(unit_whitelist PRIVATE OCI_SCHEMA="${CMAKE_CURRENT_LIST_DIR}/oci_seccomp.schema.json")
