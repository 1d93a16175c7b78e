// SPDX-License-Identifier: Apache-2.0
// The assembler: conditional jumps skip over a far jump, because their own operands have 8 bits only.
//
// Way:     *events*.
// Thread:  owned by one caller.
// Failure: see link().
#include "core/rights/bpf_program.h"

#include <linux/bpf_common.h>

#include <limits>

namespace libguard {
namespace {

constexpr size_t kUnplaced = std::numeric_limits<size_t>::max();

}  // namespace

BpfProgram::Label BpfProgram::new_label() {
  labels_.push_back(kUnplaced);
  return labels_.size() - 1;
}

void BpfProgram::place(Label label) { labels_[label] = code_.size(); }

void BpfProgram::load(uint32_t offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)); }

void BpfProgram::mask(uint32_t bits) { code_.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits)); }

void BpfProgram::jump(Label to) {
  jumps_.push_back({code_.size(), to});
  code_.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));
}

void BpfProgram::jump_if(uint16_t operation, uint32_t value, Label to) {
  code_.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | operation | BPF_K), value, 0, 1));
  jump(to);
}

void BpfProgram::jump_if_equal(uint32_t value, Label to) { jump_if(BPF_JEQ, value, to); }

void BpfProgram::jump_if_at_least(uint32_t value, Label to) { jump_if(BPF_JGE, value, to); }

void BpfProgram::answer(uint32_t action) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, action)); }

Result<std::vector<sock_filter>> BpfProgram::link() const {
  std::vector<sock_filter> linked = code_;
  for (const Jump& jump : jumps_) {
    const size_t target = labels_[jump.to];
    if (target == kUnplaced || target <= jump.at)
      return fail(Code::kInvalid, "a jump of the seccomp filter leads nowhere", "please report this as a bug");
    linked[jump.at].k = static_cast<uint32_t>(target - jump.at - 1);
  }
  if (linked.size() > BPF_MAXINSNS)
    return fail(Code::kLimit, "the seccomp filter has " + std::to_string(linked.size()) + " instructions",
                "the kernel takes 4096; let the policy treat more rights alike");
  return linked;
}

}  // namespace libguard
