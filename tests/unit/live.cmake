# Living processes: their native stacks and what their memory points to.
# ThreadSanitizer holds signals back until a read returns: the handler whose stack is wanted would never run.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread")
  return()
endif()
lg_add_test(NAME unit_live LABELS unit SOURCES live_test.cc LIBS lg_live)
