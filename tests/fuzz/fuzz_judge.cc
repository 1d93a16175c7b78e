// SPDX-License-Identifier: Apache-2.0
// Any call, any subject, any matrix: classify and judge stay within their tables, and more guilt never allows.
#include <memory>

#include "bpf/judge.h"
#include "tests/fuzz/input.h"

namespace libguard {
namespace {

// Few libraries and rights, so that random rows meet.
constexpr uint16_t kLibraries[] = {LG_UNKNOWN, LG_APPLICATION, LG_RUNTIME, LG_STARTUP, 7, 63, 64, 1023};

lg_set take_set(Input& input) {
  lg_set set{};
  const auto bits = input.take<uint8_t>();
  for (int i = 0; i < 8; i++)
    if (bits >> i & 1) lg_set_add(&set, kLibraries[i]);
  return set;
}

uint16_t take_library(Input& input) { return kLibraries[input.take<uint8_t>() % 8]; }

lg_subject take_subject(Input& input) {
  lg_subject subject{};
  subject.stack.active = take_set(input);
  subject.stack.caller = take_library(input);
  subject.stack.direct = take_library(input);
  subject.stack.direct_vouching = input.take<uint16_t>();
  subject.stack.flags = input.take<uint8_t>();
  subject.stack.depth_capped = input.take<uint8_t>();
  subject.inherited = take_set(input);
  subject.native = take_set(input);
  subject.spawners = take_set(input);
  subject.handoff.noted = input.take<uint8_t>() & 1;
  subject.handoff.active = take_set(input);
  subject.handoff.caller = take_library(input);
  subject.maker = take_library(input);
  subject.phase = input.take<uint8_t>() % LG_PHASES;
  return subject;
}

void check_call(Input& input) {
  __u64 args[6];
  const auto nr = input.take<uint32_t>();
  input.take(args, sizeof(args));
  const uint16_t right = lg_classify(nr, args, input.take<uint32_t>(), input.take<uint32_t>());
  require(right < LG_MAX_RIGHTS, "a right is below LG_MAX_RIGHTS");
  require(lg_group_of(right) < LG_GROUPS, "every right has a group");
  if (nr >= 512) require(lg_is_dangerous(lg_group_of(right)), "a number that no kernel has is dangerous");
}

void check_verdict(Input& input) {
  static const std::unique_ptr<lg_matrix> matrix(new lg_matrix{});
  const uint16_t right = input.take<uint16_t>() % LG_MAX_RIGHTS;
  const bool known = input.take<uint8_t>() & 1;
  lg_subject subject = take_subject(input);
  for (auto& role : matrix->deny[subject.phase]) role[right] = take_set(input);
  lg_verdict verdict{}, harder{};
  lg_judge(matrix.get(), &subject, right, known, &verdict);
  const bool guilty = !lg_set_empty(&verdict.stack_culprits) || !lg_set_empty(&verdict.spawned_culprits) ||
                      verdict.caller_is_culprit || verdict.function_is_culprit;
  require(verdict.allowed == !guilty, "allowed means that there is no culprit");
  lg_set& row = matrix->deny[subject.phase][input.take<uint8_t>() % LG_ROLES][right];
  lg_set_add(&row, take_library(input));
  lg_judge(matrix.get(), &subject, right, known, &harder);
  require(verdict.allowed || !harder.allowed, "one more denial never allows");
  for (auto& role : matrix->deny[subject.phase]) role[right] = lg_set{};
}

}  // namespace
}  // namespace libguard

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  libguard::Input input(data, size);
  libguard::check_call(input);
  libguard::check_verdict(input);
  return 0;
}
