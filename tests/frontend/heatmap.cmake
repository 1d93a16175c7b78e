# The heatmap in a real browser (Debian packages chromium, chromium-driver).
add_test(NAME heatmap_browser_test COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/heatmap_browser_test.py $<TARGET_FILE:emit_print_page>)
set_tests_properties(heatmap_browser_test PROPERTIES LABELS frontend TIMEOUT 180)
