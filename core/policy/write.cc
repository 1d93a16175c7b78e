// SPDX-License-Identifier: Apache-2.0
// Writes policies: the only layout, with the comments that were read.
//
// Way:     profile -> *policy*.
// Thread:  pure functions.
// Failure: none.
#include "core/policy/write.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/library/purl.h"
#include "core/policy/grants.h"

namespace libguard {

std::string_view mode_name(Mode mode) {
  return mode == Mode::kObserve ? "observe" : mode == Mode::kDetect ? "detect" : "enforce";
}

std::string_view action_name(Action action) {
  return action == Action::kLog ? "log" : action == Action::kDeny ? "deny" : "kill";
}

std::optional<Mode> find_mode(std::string_view name) {
  for (Mode mode : {Mode::kObserve, Mode::kDetect, Mode::kEnforce})
    if (mode_name(mode) == name) return mode;
  return std::nullopt;
}

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kLineWidth = 118;

// A JSON text is a YAML text in double quotes.
std::string quoted(const std::string& text) { return json(text).dump(-1, ' ', false, json::error_handler_t::replace); }

std::string plain_or_quoted(const std::string& text) {
  bool plain = text == "application" || text.rfind("pkg:", 0) == 0;
  for (char c : text) plain = plain && (std::isalnum(static_cast<unsigned char>(c)) || std::strchr("._/@:+%~-", c));
  return plain && text.back() != ':' ? text : quoted(text);
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text = "[";
  for (size_t i = 0; i < names.size(); i++) text += (i ? ", " : "") + quoted(names[i]);
  return text + "]";
}

std::vector<std::string> flow_members(const GrantNode& node);

std::string flow_text(const GrantNode& node) {
  if (node.roles.empty() && node.phases.empty()) return list_text(node.any);
  std::string text;
  for (const std::string& member : flow_members(node)) text += (text.empty() ? "{ " : ", ") + member;
  return text + " }";
}

std::vector<std::string> flow_members(const GrantNode& node) {
  std::vector<std::string> members;
  if (!node.any.empty()) members.push_back("any: " + list_text(node.any));
  for (Role role : {Role::kCaller, Role::kStack, Role::kSpawned})
    if (auto names = node.roles.find(role); names != node.roles.end())
      members.push_back(std::string(role_name(role)) + ": " + list_text(names->second));
  for (const auto& [phase, inner] : node.phases)
    members.push_back(std::string(phase_name(phase)) + ": " + flow_text(inner));
  return members;
}

std::string functions_text(const LibraryRules& rules) {
  std::string text;
  for (const auto& [group, names] : rules.functions)
    text += (text.empty() ? "{ " : ", ") + quoted(std::string(group_name(group))) + ": " +
            list_text({names.begin(), names.end()});
  return text + " }";
}

// "grant: …", "deny: …" and so on; the node of a grant in case it needs several lines.
std::vector<std::pair<std::string, GrantNode>> entry_members(const LibraryRules& rules) {
  std::vector<std::pair<std::string, GrantNode>> members;
  if (rules.grant) {
    GrantNode node = shortest(*rules.grant, true);
    members.emplace_back("grant: " + flow_text(node), node);
  }
  if (!grants_empty(rules.deny)) {
    GrantNode node = shortest(rules.deny, false);
    members.emplace_back("deny: " + flow_text(node), node);
  }
  if (!rules.functions.empty()) members.emplace_back("functions: " + functions_text(rules), GrantNode{});
  if (!rules.because.empty()) members.emplace_back("because: " + quoted(rules.because), GrantNode{});
  return members;
}

void write_comments(const Policy& policy, const std::string& key, const std::string& indent, std::string& text) {
  auto found = policy.comments.find(key);
  if (found == policy.comments.end()) return;
  for (const std::string& line : found->second) text += indent + line + "\n";
}

void write_libraries(const Policy& policy, std::string& text) {
  if (policy.libraries.empty()) return;
  write_comments(policy, "libraries", "", text);
  text += "libraries:\n";
  for (const auto& [name, rules] : policy.libraries) {
    write_comments(policy, "libraries/" + name, "  ", text);
    text += entry_block(name, rules);
  }
}

void write_actions(const Policy& policy, std::string& text) {
  if (policy.actions.empty() && policy.default_action == Action::kDeny) return;
  write_comments(policy, "actions", "", text);
  text += "actions: { default: " + std::string(action_name(policy.default_action));
  for (const auto& [group, action] : policy.actions)
    text += ", " + quoted(std::string(group_name(group))) + ": " + std::string(action_name(action));
  text += " }\n";
}

// Names in lines, so that a diff shows what changed.
std::string calls_text(const std::set<int>& calls) {
  std::string text, line = "    calls: [";
  const std::vector<std::string> names = call_names(calls);
  for (size_t i = 0; i < names.size(); i++) {
    const std::string word = quoted(names[i]) + (i + 1 < names.size() ? "," : "]");
    if (line.size() + 1 + word.size() > kLineWidth) text += line + "\n", line = "           ";
    line += (line.back() == '[' ? "" : " ") + word;
  }
  return text + line + (names.empty() ? "]\n" : "\n");
}

void write_whitelists(const Policy& policy, std::string& text) {
  for (const Phase phase : kEveryPhase) {
    const auto calls = policy.calls.find(phase);
    const bool init = phase == Phase::kInit;
    std::string members;
    if (init && !policy.init_masters.empty()) members += "    masters: " + list_text(policy.init_masters) + "\n";
    if (!init && !policy.serving_starts.empty()) members += "    starts: " + quoted(policy.serving_starts) + "\n";
    if (calls != policy.calls.end()) members += calls_text(calls->second);
    if (!members.empty()) text += "  " + std::string(phase_name(phase)) + ":\n" + members;
  }
}

void write_phases(const Policy& policy, std::string& text) {
  if (policy.init_masters.empty() && policy.serving_starts.empty() && policy.calls.empty()) return;
  write_comments(policy, "phases", "", text);
  text += "phases:\n";
  if (!policy.calls.empty()) return write_whitelists(policy, text);
  if (!policy.init_masters.empty()) text += "  init: { masters: " + list_text(policy.init_masters) + " }\n";
  if (policy.serving_starts.empty()) return;
  bool plain = policy.serving_starts.find(':') == std::string::npos;
  text += "  serving: { starts: " + (plain ? policy.serving_starts : quoted(policy.serving_starts)) + " }\n";
}

ordered_json grants_json(const GrantNode& node) {
  if (node.roles.empty() && node.phases.empty()) return node.any;
  ordered_json object = ordered_json::object();
  if (!node.any.empty()) object["any"] = node.any;
  for (const auto& [role, names] : node.roles) object[std::string(role_name(role))] = names;
  for (const auto& [phase, inner] : node.phases) object[std::string(phase_name(phase))] = grants_json(inner);
  return object;
}

ordered_json entry_json(const LibraryRules& rules) {
  ordered_json object = ordered_json::object();
  if (rules.grant) object["grant"] = grants_json(shortest(*rules.grant, true));
  if (!grants_empty(rules.deny)) object["deny"] = grants_json(shortest(rules.deny, false));
  for (const auto& [group, names] : rules.functions) object["functions"][std::string(group_name(group))] = names;
  if (!rules.because.empty()) object["because"] = rules.because;
  return object;
}

}  // namespace

std::vector<std::string> call_names(const std::set<int>& calls) {
  std::vector<std::string> names;
  for (const int call : calls) names.push_back(right_name(Right{static_cast<uint16_t>(call)}));
  std::sort(names.begin(), names.end());
  return names;
}

std::string grants_text(const Grants& grants, bool caller_implies_stack) {
  return flow_text(shortest(grants, caller_implies_stack));
}

std::string entry_line(const std::string& name, const LibraryRules& rules) {
  std::string text;
  for (const auto& [member, unused] : entry_members(rules)) text += (text.empty() ? " " : ", ") + member;
  return plain_or_quoted(name) + ": {" + text + (text.empty() ? "}" : " }");
}

std::string entry_block(const std::string& name, const LibraryRules& rules) {
  std::string line = "  " + entry_line(name, rules);
  if (line.size() <= kLineWidth) return line + "\n";
  std::string text = "  " + plain_or_quoted(name) + ":\n";
  for (const auto& [member, node] : entry_members(rules)) {
    bool fits = member.size() + 4 <= kLineWidth || (node.roles.empty() && node.phases.empty());
    text += "    " + (fits ? member : member.substr(0, member.find(':') + 1)) + "\n";
    if (fits) continue;
    for (const std::string& inner : flow_members(node)) text += "      " + inner + "\n";
  }
  return text;
}

std::string to_yaml(const Policy& policy) {
  std::string text;
  write_comments(policy, "", "", text);
  if (!text.empty()) text += "\n";
  text += "version: " + std::to_string(Policy::kVersion) + "\n";
  write_comments(policy, "mode", "", text);
  text += "mode: " + std::string(mode_name(policy.mode)) + "\n";
  write_comments(policy, "strict-read", "", text);
  if (policy.strict_read) text += "strict-read: true\n";
  if (!policy.profile_file.empty()) {
    write_comments(policy, "profile", "", text);
    text += "profile:\n  file: " + quoted(policy.profile_file) + "\n  sha256: \"" + policy.profile_sha256 + "\"\n";
  }
  write_comments(policy, "defaults", "", text);
  text += "defaults: " + list_text(names_of(policy.defaults)) + "\n";
  write_comments(policy, "data", "", text);
  if (!policy.data.empty()) text += "data: " + list_text(policy.data) + "\n";
  write_libraries(policy, text);
  write_actions(policy, text);
  write_phases(policy, text);
  write_comments(policy, "$", "", text);
  return text;
}

std::string to_json(const Policy& policy) {
  ordered_json object{{"version", Policy::kVersion}, {"mode", mode_name(policy.mode)}};
  if (policy.strict_read) object["strict-read"] = true;
  if (!policy.profile_file.empty())
    object["profile"] = {{"file", policy.profile_file}, {"sha256", policy.profile_sha256}};
  object["defaults"] = names_of(policy.defaults);
  if (!policy.data.empty()) object["data"] = policy.data;
  object["libraries"] = ordered_json::object();
  for (const auto& [name, rules] : policy.libraries) object["libraries"][name] = entry_json(rules);
  object["actions"]["default"] = action_name(policy.default_action);
  for (const auto& [group, action] : policy.actions)
    object["actions"][std::string(group_name(group))] = action_name(action);
  if (!policy.init_masters.empty()) object["phases"]["init"]["masters"] = policy.init_masters;
  if (!policy.serving_starts.empty()) object["phases"]["serving"]["starts"] = policy.serving_starts;
  for (const auto& [phase, calls] : policy.calls)
    object["phases"][std::string(phase_name(phase))]["calls"] = call_names(calls);
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

bool same_meaning(const Policy& a, const Policy& b) { return to_json(a) == to_json(b); }

}  // namespace libguard
