// SPDX-License-Identifier: Apache-2.0
// Ablated: the guard with one judging rule switched off, to see what the rule is worth.
//
// Way:     events -> stack -> *verdict*: stands between the backend and the guard.
// Thread:  as Handler.
// Failure: none of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libguard/guard.h"

namespace libguard {

enum class Rule {
  kNone,
  kStack,
  kCaller,
  kDirectCaller,
  kHandoff,
  kRuntimeCaller,
  kFunctions,
  kNamed,
  kInherited,
  kNative,
  kSpawned,
  kUnknown,
  kOperations,
  kFiles,
};

struct RuleName {
  Rule rule;
  std::string_view name;
  std::string_view off;  // what holds instead when it is off
};

const std::vector<RuleName>& rule_names();
std::optional<Rule> find_rule(std::string_view name);

class Ablated final : public Handler {
 public:
  Ablated(Guard& guard, Rule off) : guard_(guard), off_(off) {}

  Decision decide(const Call& call) override;
  std::vector<std::string> protected_paths() override;
  ProgramInfo on_program(const ProgramBirth& birth) override { return guard_.on_program(birth); }
  void on_hello(uint32_t program, const lg_hello& hello, std::string_view image) override {
    guard_.on_hello(program, hello, image);
  }
  int64_t hello_answer() override { return guard_.hello_answer(); }
  uint64_t resolve(uint32_t program, uint32_t kind, std::string_view path, FileIdentity opened) override {
    return guard_.resolve(program, kind, path, opened);
  }
  std::string module_name(uint32_t module_hash) override { return guard_.module_name(module_hash); }
  bool native_owner(std::string_view path, LibraryId* owner) override { return guard_.native_owner(path, owner); }
  void on_exit(pid_t pid) override { guard_.on_exit(pid); }
  void on_phase(pid_t pid, uint32_t phase) override { guard_.on_phase(pid, phase); }
  void on_tamper(const Tamper& tamper) override { guard_.on_tamper(tamper); }
  void on_tick() override { guard_.on_tick(); }

 private:
  void relax_rows(const Call& call);

  Guard& guard_;
  Rule off_;
};

// The subject as it would look to a judge without the rule.
lg_subject without(Rule off, const lg_subject& subject);

}  // namespace libguard
