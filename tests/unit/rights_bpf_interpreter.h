// SPDX-License-Identifier: Apache-2.0
// Runs a classic BPF program over struct seccomp_data, with the instructions that seccomp filters here may use.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace libguard {

// The action of the program; empty if it does what the kernel would not accept.
inline std::optional<uint32_t> run_filter(const std::vector<sock_filter>& program, const seccomp_data& data) {
  uint32_t accumulator = 0;
  for (size_t at = 0; at < program.size(); at++) {
    const sock_filter& insn = program[at];
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (insn.k % 4 != 0 || insn.k + 4 > sizeof data) return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + insn.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= insn.k;
        break;
      case BPF_JMP | BPF_JA:
        at += insn.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == insn.k ? insn.jt : insn.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= insn.k ? insn.jt : insn.jf;
        break;
      case BPF_RET | BPF_K:
        return insn.k;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace libguard
