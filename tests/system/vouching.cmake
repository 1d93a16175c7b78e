# The vouching table, entry by entry, on every interpreter of this machine.
foreach(python IN LISTS LIBGUARD_PYTHON311 LIBGUARD_OTHER_PYTHONS)
  string(REGEX REPLACE "^.*/versions/([^/]*)/.*$" "\\1" version ${python})
  string(REGEX REPLACE "^/usr/bin/.*" "system" version ${version})
  lg_add_system_test(system_vouching_${version} 300 vouching ${CMAKE_CURRENT_SOURCE_DIR}/vouching.py
                     --table $<TARGET_FILE:rights_doc> --python ${python})
endforeach()
