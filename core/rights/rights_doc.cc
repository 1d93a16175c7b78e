// SPDX-License-Identifier: Apache-2.0
// Prints docs/formats/rights.md from the tables, or checks that the file says the same.
//
// Way:     for people: the words that profiles, policies and events use for rights.
// Thread:  a program of its own.
// Failure: `rights_doc --check FILE` exits 1 if the file differs, 2 if it cannot be read.
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "core/rights/rights.h"
#include "core/rights/vouching.h"

namespace libguard {
namespace {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "%#" PRIx64, value);
  return text;
}

std::string slot_text(const lg_test& test) {
  if (test.slot == LG_SLOT_SELF) return "first argument is the own process";
  if (test.slot == LG_SLOT_FAMILY) return "family of the socket";
  return "argument " + std::to_string(test.slot);
}

std::string test_text(const lg_test& test) {
  if (test.slot == LG_SLOT_SELF) return slot_text(test);
  if (test.kind == LG_TEST_IN) {
    std::string numbers;
    for (int bit = 0; bit < 64; bit++)
      if (test.mask >> bit & 1) numbers += (numbers.empty() ? "" : ", ") + std::to_string(bit);
    return slot_text(test) + " in " + numbers;
  }
  const bool whole = test.mask == ~0ull || test.mask == 0xffffffffull;
  return slot_text(test) + (whole ? "" : " & " + hex(test.mask)) + (test.kind == LG_TEST_EQ ? " = " : " ≠ ") +
         hex(test.value);
}

std::string rule_text(const lg_rule& rule) {
  std::string text;
  for (const lg_test& test : rule.test)
    if (test.kind != LG_TEST_ALWAYS) text += (text.empty() ? "" : " and ") + test_text(test);
  return text.empty() ? "everything else" : text;
}

void print_groups(std::ostream& out) {
  out << "## Groups\n\nThe dangerous ones are judged by the caller, the thread's makers and the spawners too.\n\n"
         "| group | dangerous | what | rights |\n|---|---|---|---|\n";
  for (int group = 0; group < LG_GROUPS; group++) {
    const auto id = static_cast<lg_group>(group);
    out << "| `" << group_name(id) << "` | " << (is_dangerous(id) ? "yes" : "") << " | " << group_description(id)
        << " | ";
    const char* comma = "";
    for (const Right right : rights_of(id)) {
      out << comma << "`" << right_name(right) << "`";
      comma = " ";
    }
    out << " |\n";
  }
}

void print_rules(std::ostream& out) {
  out << "\n## Splits\n\nThe first line that fits gives the right; if none fits, the bare name of the call.\n"
         "Arguments count from 0.\n\n| call | right | group | when |\n|---|---|---|---|\n";
  for (const lg_rule& rule : rules())
    out << "| `" << *syscall_name(rule.nr) << "` | `" << right_name(Right{rule.right}) << "` | `"
        << group_name(group_of(Right{rule.right})) << "` | " << rule_text(rule) << " |\n";
}

void print_vouching(std::ostream& out) {
  out << "\n## Vouching\n\nModules of Python's standard library that make a dangerous call themselves for whoever "
         "called them. Every other\nmodule of the runtime vouches for `@object-theft` only; a trampoline runs what it "
         "is given and vouches for nothing. For `@exec` only the functions there vouch that "
         "start programs themselves\n(frontends/cpython/starters.cc).\n\n| module | vouches for |\n|---|---|\n";
  for (const std::string_view module : vouching_modules()) {
    out << "| `" << module << "` | ";
    const uint16_t bits = vouching_of(module);
    if (is_trampoline(module)) out << "nothing: trampoline";
    const char* space = "";
    for (int group = LG_GROUP_NET_OUT; group < LG_GROUPS; group++)
      if (group != LG_GROUP_OBJECT_THEFT && bits & lg_vouching_bit(static_cast<uint8_t>(group))) {
        out << space << "`" << group_name(static_cast<lg_group>(group)) << "`";
        space = " ";
      }
    out << (bits & LG_VOUCH_IMPORT ? std::string(space) + "(import machinery)" : "") << " |\n";
  }
}

std::string document() {
  std::ostringstream out;
  out << "# Rights\n\n<!-- Made from bpf/rights.def by the target update_rights_doc; do not edit. -->\n\n"
         "A right is what is judged: a system call, a system call split by its register arguments "
         "(`openat:write`), or an\noperation inside a language runtime (`py:ctypes.dlopen`). Policies and profiles "
         "name rights and groups (`@file-read`).\nThe bare name of a call that has splits means the rest of it. A "
         "number without a name is `syscall:NNN`, in `@kernel`.\nMemory behind pointers is never looked at: it can "
         "change after the look.\n\n";
  print_groups(out);
  print_rules(out);
  print_vouching(out);
  return out.str();
}

int check(const char* path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "rights_doc: cannot read " << path << "\nhint: build the target update_rights_doc\n";
    return 2;
  }
  std::ostringstream text;
  text << file.rdbuf();
  if (text.str() == document()) return 0;
  std::cerr << "rights_doc: " << path << " is not what the tables say\nhint: build the target update_rights_doc\n";
  return 1;
}

}  // namespace
}  // namespace libguard

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--check") return libguard::check(argv[2]);
  std::cout << libguard::document();
  return 0;
}
