# Static analysis on Debian's programs: nothing that was traced is missing.
foreach(name sqlite3 curl python3.11 nginx memcached redis)
  lg_add_system_test(system_analysis_${name} 900 analysis_${name} ${CMAKE_CURRENT_LIST_DIR}/analysis_sound.py ${name})
endforeach()
