# Documents: links, quoted messages, the list of open holes.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
add_test(NAME docs_check COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/docs_check.py ${CMAKE_SOURCE_DIR})
set_tests_properties(docs_check PROPERTIES LABELS lint)
