# Whitelists for the two phases, installed by others and by the guard.
lg_add_system_test(system_whitelists 300 whitelists ${CMAKE_CURRENT_LIST_DIR}/whitelists.py)
set_tests_properties(system_whitelists PROPERTIES LABELS "system;root")
foreach(name nginx redis memcached apache2 apache2-plain lighttpd bind9)
  lg_add_system_test(system_serving_${name} 300 serving_${name} ${CMAKE_CURRENT_LIST_DIR}/serving.py ${name})
  set_tests_properties(system_serving_${name} PROPERTIES LABELS "system;root")
endforeach()
