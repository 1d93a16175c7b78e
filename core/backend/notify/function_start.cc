// SPDX-License-Identifier: Apache-2.0
// One byte, written past the protection of private code pages.
//
// Way:     see function_start.h.
// Thread:  see function_start.h.
// Failure: see function_start.h.
#include "core/backend/notify/function_start.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace libguard {
namespace {

constexpr uint8_t kBreakpoint = 0xcc;

bool write_byte(pid_t pid, uint64_t address, uint8_t byte) {
  char path[40];
  std::snprintf(path, sizeof(path), "/proc/%d/mem", pid);
  const int memory = open(path, O_RDWR | O_CLOEXEC);
  if (memory < 0) return false;
  const bool written = pwrite(memory, &byte, 1, static_cast<off_t>(address)) == 1;
  const int error = errno;
  close(memory);
  errno = error;
  return written;
}

}  // namespace

Result<uint64_t> FunctionStart::plant(Process& process) const {
  Program& program = *process.program;
  program.handles_breakpoints = true;
  if (program.breakpoint != 0 || process.phase != LG_INIT) return program.breakpoint;
  const uint64_t address = find_(process.pid);
  uint8_t byte = 0;
  if (address == 0) return 0;
  if (!process.memory->read(address, &byte) || byte == kBreakpoint || !write_byte(process.pid, address, kBreakpoint))
    return fail(Code::kDenied, std::string("no breakpoint could be set at the named function: ") + std::strerror(errno),
                "a debugger there? The process stays in init; 'libguard phase PID serving' ends that");
  program.breakpoint = address;
  program.instruction = byte;
  return address;
}

void FunctionStart::look_again(Process& process) const {
  if (wanted() && process.program->handles_breakpoints && process.program->breakpoint == 0) [[maybe_unused]]
    auto ignored = plant(process);
}

bool FunctionStart::reached(Process& process, uint64_t address) const {
  const Program& program = *process.program;
  if (address == 0 || program.breakpoint != address) return false;
  return write_byte(process.pid, address, program.instruction);
}

}  // namespace libguard
