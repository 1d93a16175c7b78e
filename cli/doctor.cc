// SPDX-License-Identifier: Apache-2.0
// `libguard doctor`: what this machine and this interpreter can do, and how to get the rest.
//
// Way:     before any guard.
// Thread:  main thread; forks for the canary.
// Failure: exit 1 if something that enforcement needs is missing.
#include "cli/doctor.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/guard_flags.h"
#include "cli/verbs.h"
#include "core/backend/bpf/abilities.h"
#include "core/backend/notify/abilities.h"

namespace libguard {
namespace {

struct DoctorFlags {
  std::string python;
  bool rights = false, json = false;
};

const char* state_text(Finding::State state) {
  return state == Finding::kGood ? "ok" : state == Finding::kNote ? "note" : "bad";
}

void print_text(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    std::printf("%-4s  %-16s  %s\n", state_text(finding.state), finding.question.c_str(), finding.answer.c_str());
    if (!finding.hint.empty()) std::printf("%-24shint: %s\n", "", finding.hint.c_str());
  }
}

// Who does it under --backend=auto: the kernel where it can, else what notify says.
std::string mechanism(const KernelReport& kernel, const Ability& ability) {
  std::string refuses = refused_by(kernel, ability.right);
  std::string observes = kernel.observed.has(ability.right) ? "bpf observes, " : "";
  return observes + (refuses.empty() ? ability.how : "bpf refuses by " + refuses) +
         (refuses.empty() && !observes.empty() && ability.deny ? " refuses" : "");
}

void print_rights(const KernelReport& kernel) {
  for (const Ability& ability : notify_abilities())
    std::printf("%-32s %-14s observe %-3s deny %-3s %s\n", right_name(ability.right).c_str(),
                std::string(group_name(group_of(ability.right))).c_str(), ability.observe ? "yes" : "no",
                ability.deny ? "yes" : "no", mechanism(kernel, ability).c_str());
}

void print_json(const std::vector<Finding>& findings, bool rights, const KernelReport& kernel) {
  nlohmann::ordered_json json;
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings)
    json["findings"].push_back({{"state", state_text(finding.state)},
                                {"question", finding.question},
                                {"answer", finding.answer},
                                {"hint", finding.hint}});
  if (rights) {
    json["rights"] = nlohmann::ordered_json::array();
    for (const Ability& ability : notify_abilities())
      json["rights"].push_back({{"right", right_name(ability.right)},
                                {"group", group_name(group_of(ability.right))},
                                {"observe", ability.observe},
                                {"deny", ability.deny},
                                {"mechanism", mechanism(kernel, ability)}});
  }
  std::printf("%s\n", json.dump(2).c_str());
}

int run_doctor(const DoctorFlags& flags) {
  std::vector<Finding> findings = examine_kernel();
  KernelReport kernel = examine_kernel_side();
  for (Finding& finding : examine_bpf(kernel)) findings.push_back(std::move(finding));
  for (Finding& finding : examine_backend()) findings.push_back(std::move(finding));
  for (Finding& finding : examine_python(flags.python)) findings.push_back(std::move(finding));
  if (flags.json)
    print_json(findings, flags.rights, kernel);
  else
    print_text(findings);
  if (flags.rights && !flags.json) print_rights(kernel);
  for (const Finding& finding : findings)
    if (finding.state == Finding::kBad) return 1;
  return 0;
}

}  // namespace

std::vector<Finding> examine_backend() {
  std::vector<Finding> findings;
  auto client = find_client();
  if (client)
    findings.push_back({Finding::kGood, "client", *client, ""});
  else
    findings.push_back({Finding::kBad, "client", client.error().what, client.error().hint});
  Status kernel = check_kernel();
  Status canary = kernel ? run_canary() : kernel;
  if (canary)
    findings.push_back({Finding::kGood, "notify backend", "the canary was refused with the errno asked for", ""});
  else
    findings.push_back({Finding::kBad, "notify backend", canary.error().what, canary.error().hint});
  size_t deniable = 0, all = 0;
  for (const Ability& ability : notify_abilities()) {
    all++;
    deniable += ability.deny;
  }
  findings.push_back({Finding::kGood, "rights",
                      std::to_string(deniable) + " of " + std::to_string(all) + " can be denied by notify", ""});
  return findings;
}

void add_doctor(CLI::App& app, Verbs& verbs) {
  auto flags = std::make_shared<DoctorFlags>();
  CLI::App* verb = app.add_subcommand("doctor", "Say what this machine can do, and how to get the rest");
  verb->add_option("--python", flags->python, "Interpreter to look at");
  verb->add_flag("--rights", flags->rights, "Every right: which mechanism observes and denies it");
  verb->add_flag("--json", flags->json, "One JSON object on stdout");
  verbs.push_back({verb, [flags] { return run_doctor(*flags); }});
}

}  // namespace libguard
