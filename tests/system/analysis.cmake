# Static analysis on Debian's programs: nothing that was traced is missing.
foreach(name sqlite3 curl python3.11 nginx memcached redis apache2 lighttpd)
  lg_add_system_test(system_analysis_${name} 900 analysis_${name} ${CMAKE_CURRENT_LIST_DIR}/analysis_sound.py ${name})
endforeach()

# And its graph against the stacks of four servers.
find_package(nlohmann_json REQUIRED)
add_executable(analysis_edges ${CMAKE_CURRENT_LIST_DIR}/analysis_edges.cc)
target_link_libraries(analysis_edges PRIVATE lg_analysis nlohmann_json::nlohmann_json)
lg_warnings(analysis_edges)
foreach(name nginx redis memcached apache2)
  lg_add_system_test(system_analysis_stacks_${name} 1800 analysis_${name} ${CMAKE_CURRENT_LIST_DIR}/analysis_stacks.py
                     $<TARGET_FILE:analysis_edges> ${name})
endforeach()

lg_add_system_test(system_analysis_kinds 600 analysis_kinds ${CMAKE_CURRENT_LIST_DIR}/analysis_kinds.py)
lg_add_system_test(system_analysis_image 600 analysis_image ${CMAKE_CURRENT_LIST_DIR}/analysis_image.py)
lg_add_system_test(system_analysis_bulk 1800 analysis_bulk ${CMAKE_CURRENT_LIST_DIR}/analysis_bulk.py 400)
lg_add_system_test(system_analysis_cli 300 analysis_cli ${CMAKE_CURRENT_LIST_DIR}/analysis_cli.py)
