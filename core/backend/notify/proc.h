// SPDX-License-Identifier: Apache-2.0
// What /proc says about a task: who it is, what it runs, where it stands. Cold paths only.
//
// Way:     *events* -> stack: births of programs, processes and threads are described from here.
// Thread:  any; reads only.
// Failure: false or an empty value when the task is gone or may not be read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/backend/walk/process_memory.h"

namespace libguard {

struct TaskStatus {
  pid_t tgid = 0, ppid = 0;
  pid_t own_tgid = 0;  // the process as it sees itself in its pid namespace
  uint32_t umask = 022;
  uid_t uid[4] = {};  // real, effective, saved, file system
  gid_t gid[4] = {};
  std::string groups;  // as the kernel writes them
  uint64_t capabilities = 0;
};
bool read_status(pid_t tid, TaskStatus* out);

// Start of the task since boot in clock ticks: tells a task from an earlier one with the same number. 0: gone.
uint64_t read_start_time(pid_t tid);
uint64_t clock_ticks();  // now, as read_start_time() counts

// Target of a link below /proc, "" if it cannot be read.
std::string read_proc_link(pid_t pid, const char* name);

// Text of a file below /proc/PID, at most `limit` bytes.
std::string read_proc_file(pid_t pid, const char* name, size_t limit);
std::vector<std::string> split_nul(const std::string& text);

// Where a blocked thread stands: stack pointer and instruction pointer.
struct Position {
  uint64_t sp = 0, pc = 0;
};
bool read_position(pid_t tid, Position* out);

// Head of the thread's robust list as the kernel has it; 0: none, or it may not be read.
uint64_t robust_list_of(pid_t tid);

// What tells the memory of one exec from that of any other: equal after fork, new after exec.
struct ImageId {
  uint64_t layout = 0;  // of the auxiliary vector: addresses that every exec chooses anew; 0: not readable
  uint64_t random = 0;  // of the 16 bytes that every exec draws; 0: not readable
  bool known() const { return layout != 0; }
  bool same(const ImageId& other) const {
    return known() && layout == other.layout && (random == other.random || random == 0 || other.random == 0);
  }
};
ImageId read_image(pid_t pid, ProcessMemory& memory);

// Is /proc/PID/exe an executable that brings a language runtime along (CPython, HotSpot)? Read from the ELF file
// itself.
bool is_language_runtime(pid_t pid);
// The same for an open file. `size` bytes are looked at.
bool elf_names_runtime(int fd);
// Is a command, as execvp would take it, such an executable, or a script of one? False where it cannot be told.
bool command_names_runtime(const std::string& command);

}  // namespace libguard
