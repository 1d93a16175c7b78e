# The notify backend with real processes: native programs only, no policy. Works as an ordinary user too.
set(here ${CMAKE_CURRENT_LIST_DIR})
add_executable(notify_guest ${here}/notify_guest.cc)
target_include_directories(notify_guest PRIVATE ${here}/../.. ${here}/../../core/include)
target_link_libraries(notify_guest PRIVATE Threads::Threads)
target_compile_options(notify_guest PRIVATE -Wall -Wextra -Werror -fno-sanitize=all)
target_link_options(notify_guest PRIVATE -fno-sanitize=all)  # its threads and calls are counted
foreach(subject tasks defence shield)
  lg_add_test(
    NAME system_notify_${subject}
    LABELS system
    TIMEOUT 180
    SOURCES ${here}/notify_${subject}_test.cc
    LIBS lg_backend)
  target_compile_definitions(system_notify_${subject} PRIVATE NOTIFY_GUEST="$<TARGET_FILE:notify_guest>")
  add_dependencies(system_notify_${subject} notify_guest)
endforeach()
# Of the shield, what takes root.
set_tests_properties(system_notify_shield PROPERTIES ENVIRONMENT "GTEST_FILTER=-*.OfOtherUsers")
add_test(NAME system_notify_shield_root COMMAND system_notify_shield)
set_tests_properties(system_notify_shield_root PROPERTIES LABELS "system;root" TIMEOUT 180
                     ENVIRONMENT "GTEST_FILTER=*.OfOtherUsers")
