// SPDX-License-Identifier: Apache-2.0
// `libguard policy fmt POLICY [--check]`: the only layout.
//
// Way:     policy -> the same policy.
// Thread:  main thread.
// Failure: exit 2 if it cannot be read or written; with --check 1 if the layout differs.
#include <cstdio>
#include <memory>

#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/base/file.h"

namespace libguard {
namespace {

struct FmtOptions {
  std::string policy, output;
  bool check = false, write = false, json = false;
};

int run_fmt(const FmtOptions& options) {
  auto before = read_file(options.policy);
  if (!before) return trouble(before.error());
  auto policy = parse_policy(*before, options.policy);
  if (!policy) return trouble(policy.error());
  size_t first = before->find_first_not_of(" \t\r\n");
  bool json = options.json || (first != std::string::npos && (*before)[first] == '{');
  std::string text = json ? to_json(*policy) : to_yaml(*policy);
  if (options.check) {
    if (text != *before)
      std::fprintf(stderr, "%s is not laid out like 'libguard policy fmt' does\n", options.policy.c_str());
    return text == *before ? kYes : kNo;
  }
  return answer_to(options.write ? options.policy : options.output, text, kYes);
}

}  // namespace

void add_policy_fmt(CLI::App& policy, Verbs& verbs) {
  auto options = std::make_shared<FmtOptions>();
  CLI::App* verb = policy.add_subcommand("fmt", "Lay a policy out, comments kept (JSON stays JSON)");
  verb->add_option("POLICY", options->policy, "The policy")->required();
  auto* output = verb->add_option("-o,--output", options->output, "File to write; else standard output");
  verb->add_flag("-w,--write", options->write, "Change the policy in place")->excludes(output);
  verb->add_flag("--check", options->check, "Only say whether it is laid out: exit 0 or 1");
  verb->add_flag("--json", options->json, "Write JSON, without comments");
  verbs.push_back({verb, [options] { return run_fmt(*options); }});
}

}  // namespace libguard
