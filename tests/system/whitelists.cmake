# Whitelists for the two phases, installed by others and by the guard.
lg_add_system_test(system_whitelists 300 whitelists ${CMAKE_CURRENT_LIST_DIR}/whitelists.py)
