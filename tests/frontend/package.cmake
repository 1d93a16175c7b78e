# The Python package, installed into fresh virtual environments by pip: Debian's interpreter, the oldest and newest of pyenv.
find_program(LG_DEBIAN_PYTHON python3.11 PATHS /usr/bin NO_DEFAULT_PATH)
file(GLOB package_pythons $ENV{HOME}/.pyenv/versions/3.9.*/bin/python3.9 $ENV{HOME}/.pyenv/versions/3.1[345].*/bin/python3.1[345])
foreach(python IN LISTS LG_DEBIAN_PYTHON package_pythons)
  if(NOT python)
    continue()
  endif()
  string(REGEX REPLACE "^/usr/bin/" "system-" name ${python})
  string(REGEX REPLACE "^.*/versions/([^/]*)/.*$" "\\1" name ${name})
  add_test(NAME frontend_package_${name}
           COMMAND ${LG_DEBIAN_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/package/package_test.py ${python}
                   ${CMAKE_BINARY_DIR}/package/build ${CMAKE_BINARY_DIR}/package/${name} ${CMAKE_BINARY_DIR})
  set_tests_properties(frontend_package_${name} PROPERTIES LABELS frontend TIMEOUT 1200 RESOURCE_LOCK python_package COST 150)
endforeach()
