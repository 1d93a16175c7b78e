// SPDX-License-Identifier: Apache-2.0
// Sentences for deviations; effective rights with their origin for policies.
//
// Way:     see explain.h.
// Thread:  pure functions.
// Failure: none.
#include "core/policy/explain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "core/event/format.h"
#include "core/library/library.h"
#include "core/library/purl.h"
#include "core/policy/grants.h"
#include "core/policy/judge.h"
#include "core/policy/write.h"

namespace libguard {
namespace {

using nlohmann::ordered_json;

std::string meaning_of(const Event& event) {
  auto group = find_group(event.right_group);
  return group ? std::string(group_description(*group)) : "a right of a newer libguard";
}

bool is_dangerous_event(const Event& event) {
  auto group = find_group(event.right_group);
  return !group || is_dangerous(*group);
}

std::string done_text(const Event& event) {
  if (event.action == "kill") return "The process was killed before the call ran.";
  if (event.action == "deny" && (event.mode == "enforce" || event.role == kTamperRole))
    return "The call was refused before it ran.";
  return "The call was let through: it was only logged (mode " + (event.mode.empty() ? "unknown" : event.mode) + ").";
}

std::string who_text(const Culprit& culprit, const Event& event) {
  std::string name = printable(culprit.purl, 200);
  if (culprit.purl == kUnknownName) name = "code of unknown origin";
  if (culprit.purl == kRuntimeName) name = "the runtime, called by nobody (code without a frame),";
  std::string right = printable(event.right_name, 80);
  if (culprit.role == "caller") return name + " called " + right + " and does not hold it as caller";
  if (culprit.role == "stack") return name + " was on the stack and does not hold " + right;
  if (culprit.role == "spawned")
    return name + " was on the stack when this program was started and does not hold " + right;
  if (culprit.role == "process")
    return name + " called " + right + ", which is not on the whitelist of the phase " + printable(event.phase, 16);
  if (culprit.role == kTamperRole) return name + " tried to get around the guard: " + printable(event.message, 400);
  if (event.stack.empty() || is_native_program(event)) return "the program " + name + " was never seen to do this";
  std::string function = printable(function_of(event, culprit.purl), 200);
  return (function.empty() ? "a function made at run time" : "the function " + function) + " of " + name +
         " was never seen to do this";
}

// One sentence per culprit; who lacks it as caller lacks it on the stack as well, which need not be said.
std::vector<std::string> reasons_of(const Event& event) {
  std::vector<std::string> reasons;
  for (const Culprit& culprit : event.culprits) {
    const Culprit as_caller{culprit.purl, "caller"};
    bool said = culprit.role == "stack" &&
                std::find(event.culprits.begin(), event.culprits.end(), as_caller) != event.culprits.end();
    if (!said) reasons.push_back(who_text(culprit, event));
  }
  return reasons;
}

std::string advice_of(const Event& event) {
  return event.grant.empty() ? advice_without_grant(event)
                             : "To allow it, put this below 'libraries:' in the place of the entries of the same name:";
}

std::string warning_of(const Event& event) {
  if (event.grant.empty() || !is_dangerous_event(event)) return "";
  return event.right_group + " is dangerous (" + meaning_of(event) + "): allow it only if you know why " +
         printable(event.library_purl, 200) + " needs it.";
}

std::string stack_block(const Event& event) {
  std::string text;
  for (size_t at = 0; at < event.stack.size();) {
    if (!event.native.empty() || is_native_program(event)) break;  // its one entry has no name
    const EventFrame& frame = event.stack[at];
    size_t end = at;
    while (end < event.stack.size() && is_import_frame(event.stack[end].purl, event.stack[end].frame)) end++;
    std::string name = end > at + 1 ? std::string(kImportFrames) : printable(frame.frame, 200);
    text += "    " + (name.empty() ? "(no name)" : name) + "  " + printable(frame.purl, 200) + "\n";
    at = std::max(end, at + 1);
  }
  for (const NativePlace& place : event.native)
    text += "    " + printable(place.function, 200) + "  " + printable(place.file, 200) + "\n";
  return text.empty() ? "    (no frames: a native program)\n" : text;
}

// The system call itself, of which the right may be one kind.
Right call_of(std::optional<Right> right) {
  if (!right) return Right{LG_RIGHT_NO_CALL};
  for (int call = 0; call < LG_RIGHT_NO_CALL; call++)
    for (const Right kind : rights_of_call(call))
      if (kind == *right) return Right{static_cast<uint16_t>(call)};
  return *right;
}

std::string indented(const std::string& lines) {
  std::string text = "    ";
  for (char c : lines) text += c == '\n' ? "\n    " : std::string(1, c);
  return text + "\n";
}

}  // namespace

std::string advice_without_grant(const Event& event) {
  for (const Culprit& culprit : event.culprits) {
    if (culprit.role == "process")
      return "The whitelist of the phase holds for everybody. To allow it, put \"" +
             right_name(call_of(find_right(event.right_name))) + "\" into phases." + printable(event.phase, 16) +
             ".calls" + (event.phase == "serving" ? " and init.calls" : "") +
             " of the policy, or use 'libguard policy accept'.";
    if (culprit.role == kTamperRole && event.message.starts_with(kProtectedFile))
      return "No grant can allow this: a guard keeps the directories of code whole, the application's too. Let the "
             "program write to another directory, or to one inside the application's that holds no code and that the "
             "policy names as data (data: [DIR]); --app DIR says which one holds the application's code.";
    if (culprit.role == kTamperRole) return "No grant can allow this: a guard keeps itself and the code files whole.";
    if (culprit.role == "function" && !event.stack.empty() && event.stack.front().frame.empty() &&
        !is_native_program(event))
      return "No grant can allow this: the function that made the call has no name, it was made at run time. Let a "
             "function of the library make it, or the runtime's own (subprocess).";
    if (culprit.purl == kUnknownName)
      return "No grant can allow this: code of unknown origin is never trusted. If it is yours, install it as a "
             "library or put it into the application's directory before the start.";
    if (culprit.purl == kRuntimeName)
      return "No grant can allow this: the standard library did it and nobody's code had called. If this is wanted, "
             "give the thread, executor, event loop, signal or exit hook a function of the library that wants it, and "
             "make the call there; then that library can be granted it.";
    if (culprit.purl == kStartupName)
      return "No grant can allow this: a program has only the basics until its runtime has started.";
  }
  return "The policy denies it by name: remove the denial if this is wanted.";
}

std::string explain_event(const Event& event) {
  std::string text =
      "Deviation " + event.id + ", " + std::to_string(event.count) + (event.count == 1 ? " time" : " times");
  if (!event.time.empty()) text += ", last at " + printable(event.time, 40);
  text += "\n  " + done_text(event) + "\n";
  text +=
      "  right:   " + printable(event.right_name, 80) + " of " + event.right_group + " (" + meaning_of(event) + ")\n";
  text += "  program: " + printable(event.exe, 200);
  if (event.pid > 0) text += ", pid " + std::to_string(event.pid);
  if (!event.phase.empty()) text += ", phase " + event.phase;
  text += "\n  caller:  " + printable(event.caller, 200) + "\n  why:\n";
  for (const std::string& reason : reasons_of(event)) text += "    " + reason + "\n";
  text += "  stack, innermost first:\n" + stack_block(event);
  text += "  " + advice_of(event) + "\n";
  if (!event.grant.empty()) text += indented(event.grant);
  if (std::string warning = warning_of(event); !warning.empty()) text += "  Warning: " + warning + "\n";
  return text;
}

std::string explain_event_json(const Event& event) {
  auto object = ordered_json::parse(to_json_line(event), nullptr, false);
  object["meaning"] = meaning_of(event);
  object["done"] = done_text(event);
  object["why"] = reasons_of(event);
  object["advice"] =
      event.grant.empty() ? advice_without_grant(event) : "put policy.grant below 'libraries:' in the policy";
  object["dangerous"] = is_dangerous_event(event);
  if (std::string warning = warning_of(event); !warning.empty()) object["warning"] = warning;
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

namespace {

std::string origin_of(const Rules& rules, const std::string& name, const Rules::Entry& entry) {
  if (!is_learnable(name)) return "fixed";
  if (entry.granted) return "grant";
  return grants_empty(entry.learned) ? "defaults" : "profile " + rules.policy().profile_file;
}

const LibraryRules* written(const Rules& rules, const std::string& name) {
  for (const std::string& key : {name, strip_version(name)}) {
    auto found = rules.policy().libraries.find(key);
    if (found != rules.policy().libraries.end()) return &found->second;
  }
  return nullptr;
}

std::string rules_block(const Rules& rules, const std::string& name, const Rules::Entry& entry) {
  std::string text = name + "  (" + origin_of(rules, name, entry) + ")\n";
  Grants own = entry.rights;
  remove_grants(own, everywhere(rules.policy().defaults));
  text += "  defaults: " + grants_text(everywhere(rules.policy().defaults), true) + "\n";
  text += "  beyond:   " + grants_text(own, true) + "\n";
  for (const auto& [group, names] : entry.functions) {
    text += "  functions for " + std::string(group_name(group)) + ":";
    for (const std::string& function : names) text += " " + printable(function, 200);
    text += "\n";
  }
  const LibraryRules* said = written(rules, name);
  if (said && !grants_empty(said->deny)) text += "  denied:   " + grants_text(said->deny, false) + "\n";
  if (said && !said->because.empty()) text += "  because:  " + printable(said->because, 400) + "\n";
  return text;
}

// The entries that were asked for, by the name to show.
Result<std::vector<std::pair<std::string, const Rules::Entry*>>> chosen(const Rules& rules,
                                                                        const std::string& library) {
  std::vector<std::pair<std::string, const Rules::Entry*>> entries;
  if (!library.empty()) {
    const Rules::Entry* entry = rules.entry(library);
    std::vector<std::string> known;
    for (const auto& [name, unused] : rules.entries()) known.push_back(name);
    if (entry == nullptr)
      return fail(Code::kNotFound,
                  "neither policy nor profile knows '" + printable(library, 120) + "': it holds the defaults",
                  did_you_mean(library, known));
    entries.emplace_back(library, entry);
    return entries;
  }
  for (const auto& [name, entry] : rules.entries())
    if (rules.policy().libraries.count(name) || strip_version(name) == name) entries.emplace_back(name, &entry);
  return entries;
}

}  // namespace

Result<std::string> explain_rules(const Rules& rules, const std::string& library) {
  auto entries = chosen(rules, library);
  if (!entries) return tl::unexpected(entries.error());
  std::string text;
  for (const auto& [name, entry] : *entries) text += rules_block(rules, name, *entry);
  return text;
}

Result<std::string> explain_rules_json(const Rules& rules, const std::string& library) {
  auto entries = chosen(rules, library);
  if (!entries) return tl::unexpected(entries.error());
  ordered_json object{{"mode", mode_name(rules.mode())}, {"defaults", names_of(rules.policy().defaults)}};
  object["libraries"] = ordered_json::object();
  for (const auto& [name, entry] : *entries) {
    ordered_json one{{"origin", origin_of(rules, name, *entry)}};
    for (Phase phase : kEveryPhase)
      for (Role role : kEveryRole)
        one["rights"][std::string(phase_name(phase))][std::string(role_name(role))] =
            names_of(rights_in(entry->rights, phase, role));
    for (const auto& [group, names] : entry->functions) one["functions"][std::string(group_name(group))] = names;
    const LibraryRules* said = written(rules, name);
    if (said && !said->because.empty()) one["because"] = said->because;
    object["libraries"][name] = std::move(one);
  }
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace libguard
