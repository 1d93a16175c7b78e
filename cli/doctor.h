// SPDX-License-Identifier: Apache-2.0
// What doctor finds out: one line per question, with a hint where the answer is bad.
//
// Way:     before any guard: what this machine and this interpreter can do.
// Thread:  main thread.
// Failure: a question that cannot be answered is a finding of its own.
#pragma once

#include <string>
#include <vector>

namespace libguard {

struct Finding {
  enum State { kGood, kNote, kBad } state;
  std::string question;  // "kernel", "notify backend"
  std::string answer;
  std::string hint;  // empty when good
};

std::vector<Finding> examine_kernel();
std::vector<Finding> examine_backend();
struct KernelReport;
std::vector<Finding> examine_bpf(const KernelReport& kernel);
// `python`: path or name of an interpreter; empty: python3 of PATH, a note if there is none.
std::vector<Finding> examine_python(const std::string& python);

}  // namespace libguard
