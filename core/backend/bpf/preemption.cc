// SPDX-License-Identifier: Apache-2.0
// Reads what the kernel says of its preemption.
//
// Way:     see preemption.h.
// Thread:  see preemption.h.
// Failure: see preemption.h.
#include "core/backend/bpf/preemption.h"

#include <sys/utsname.h>

#include <cstdio>

#include "core/base/file.h"

namespace libguard {
namespace {

constexpr int kLastMajor = 6, kLastMinor = 18;  // whose tracepoints are known to run with preemption off

bool holds_still(std::string_view mode) { return mode == "none" || mode == "voluntary"; }

// The word in parentheses.
std::string_view chosen(std::string_view modes) {
  const size_t open = modes.find('('), close = modes.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return modes.substr(open + 1, close - open - 1);
}

std::string_view boot_option(std::string_view line, std::string_view key) {
  std::string_view value;
  for (size_t at = 0; at < line.size();) {
    size_t end = line.find_first_of(" \n", at);
    if (end == std::string_view::npos) end = line.size();
    const std::string_view word = line.substr(at, end - at);
    if (word.substr(0, key.size()) == key) value = word.substr(key.size());  // the last one holds
    at = end + 1;
  }
  return value;
}

}  // namespace

PreemptionFacts preemption_facts() {
  PreemptionFacts facts;
  utsname name{};
  if (::uname(&name) == 0) {
    facts.release = name.release;
    facts.version = name.version;
  }
  facts.command_line = read_file("/proc/cmdline").value_or("");
  facts.mode = read_file("/sys/kernel/debug/sched/preempt").value_or("");
  return facts;
}

bool is_preemptible(const PreemptionFacts& facts) {
  if (const std::string_view mode = chosen(facts.mode); !mode.empty()) return !holds_still(mode);
  if (facts.version.empty()) return true;
  if (facts.version.find("PREEMPT") == std::string::npos) return false;
  if (facts.version.find("PREEMPT_DYNAMIC") == std::string::npos) return true;
  return !holds_still(boot_option(facts.command_line, "preempt="));
}

Status sees_every_call(const PreemptionFacts& facts) {
  int major = 0, minor = 0;
  const bool known = std::sscanf(facts.release.c_str(), "%d.%d", &major, &minor) == 2;
  const bool still = known && (major < kLastMajor || (major == kLastMajor && minor <= kLastMinor));
  if (still || !is_preemptible(facts)) return {};
  return fail(Code::kUnsupported, "Linux " + facts.release + " passes programs on system calls over now and then",
              "it puts threads aside inside them; --backend notify sees every call");
}

}  // namespace libguard
