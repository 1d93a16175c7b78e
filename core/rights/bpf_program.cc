// SPDX-License-Identifier: Apache-2.0
// The assembler: a conditional jump reaches 255 instructions; a longer one skips over an unconditional jump.
//
// Way:     *events*.
// Thread:  owned by one caller.
// Failure: see link().
#include "core/rights/bpf_program.h"

#include <linux/bpf_common.h>

#include <string>

namespace libguard {
namespace {

constexpr size_t kNearest = 255;

}  // namespace

BpfProgram::Label BpfProgram::new_label() {
  labels_.push_back(kNoLabel);
  return labels_.size() - 1;
}

void BpfProgram::place(Label label) { labels_[label] = lines_.size(); }

void BpfProgram::load(uint32_t offset) { lines_.push_back({BPF_LD | BPF_W | BPF_ABS, offset}); }

void BpfProgram::mask(uint32_t bits) { lines_.push_back({BPF_ALU | BPF_AND | BPF_K, bits}); }

void BpfProgram::jump(Label to) { lines_.push_back({BPF_JMP | BPF_JA, 0, to}); }

void BpfProgram::jump_if_equal(uint32_t value, Label to) { lines_.push_back({BPF_JMP | BPF_JEQ | BPF_K, value, to}); }

void BpfProgram::jump_if_at_least(uint32_t value, Label to) {
  lines_.push_back({BPF_JMP | BPF_JGE | BPF_K, value, to});
}

void BpfProgram::answer(uint32_t action) { lines_.push_back({BPF_RET | BPF_K, action}); }

std::vector<size_t> BpfProgram::places_of(const std::vector<bool>& far) {
  std::vector<size_t> places(1, 0);
  for (const bool is_far : far) places.push_back(places.back() + (is_far ? 2 : 1));
  return places;
}

Result<std::vector<sock_filter>> BpfProgram::link() const {
  for (size_t at = 0; at < lines_.size(); at++)
    if (lines_[at].to != kNoLabel && (labels_[lines_[at].to] == kNoLabel || labels_[lines_[at].to] <= at))
      return fail(Code::kInvalid, "a jump of the seccomp filter leads nowhere", "please report this as a bug");

  // Making a jump far moves what lies behind it, so look again until nothing changes.
  std::vector<bool> far(lines_.size(), false);
  std::vector<size_t> places;
  for (bool changed = true; changed;) {
    changed = false;
    places = places_of(far);
    for (size_t at = 0; at < lines_.size(); at++) {
      const Line& line = lines_[at];
      if (line.to == kNoLabel || line.code == (BPF_JMP | BPF_JA) || far[at]) continue;
      if (places[labels_[line.to]] - places[at] - 1 > kNearest) far[at] = changed = true;
    }
  }
  if (places.back() > BPF_MAXINSNS)
    return fail(Code::kLimit, "the seccomp filter has " + std::to_string(places.back()) + " instructions",
                "the kernel takes 4096; let the policy treat more rights alike");

  std::vector<sock_filter> linked;
  for (const Line& line : lines_) {
    if (line.to == kNoLabel) {
      linked.push_back(BPF_STMT(line.code, line.operand));
      continue;
    }
    const bool is_always = line.code == (BPF_JMP | BPF_JA);
    const bool is_far = far[static_cast<size_t>(&line - lines_.data())];
    if (is_far) linked.push_back(BPF_JUMP(line.code, line.operand, 0, 1));
    const auto distance = static_cast<uint32_t>(places[labels_[line.to]] - linked.size() - 1);
    if (is_far || is_always)
      linked.push_back(BPF_STMT(BPF_JMP | BPF_JA, distance));
    else
      linked.push_back(BPF_JUMP(line.code, line.operand, static_cast<uint8_t>(distance), 0));
  }
  return linked;
}

}  // namespace libguard
