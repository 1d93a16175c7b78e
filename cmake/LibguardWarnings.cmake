# Warnings are errors everywhere; one function so that each folder says it once.
function(lg_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wcast-qual -Wformat=2 -Wno-restrict -Werror)
endfunction()

# lg_add_library(NAME SOURCES a.cc b.cc LIBS lg_base ...): the static library of one folder.
function(lg_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/core/include)
  target_link_libraries(${name} PUBLIC ${ARG_LIBS})
  target_compile_options(
    ${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wcast-qual -Wformat=2 -Wno-restrict -Werror>)
endfunction()

# lg_cold(target): code that no guarded call waits for. The dev build compiles it fast instead of making it fast.
function(lg_cold target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0> $<$<CONFIG:RelWithDebInfo>:-g1>)
endfunction()

# lg_either(VAR TARGET ARCHIVE): for LIBS: the archive, where there is one, in programs with the property LG_STARTS_OFTEN,
# which would spend milliseconds of each start on the shared library's relocations; the shared library in all others.
function(lg_either var target archive)
  find_library(LG_ARCHIVE_${archive} NAMES ${archive})
  if(LG_ARCHIVE_${archive})
    set(${var} "$<IF:$<BOOL:$<TARGET_PROPERTY:LG_STARTS_OFTEN>>,${LG_ARCHIVE_${archive}},${target}>" PARENT_SCOPE)
  else()
    set(${var} ${target} PARENT_SCOPE)
  endif()
endfunction()
