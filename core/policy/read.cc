// SPDX-License-Identifier: Apache-2.0
// Reads policies: document, schema, then what a schema cannot say.
//
// Way:     profile -> *policy* -> matrix.
// Thread:  pure functions.
// Failure: one Error with file, line and key; nothing is half read.
#include <algorithm>
#include <filesystem>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/event/format.h"
#include "core/library/library.h"
#include "core/library/purl.h"
#include "core/policy/document.h"
#include "core/policy/grants.h"
#include "core/policy/policy.h"
#include "core/policy/serving_start.h"

namespace libguard {
namespace {

using nlohmann::json;

std::vector<std::string> group_names() {
  std::vector<std::string> names;
  for (int group = 0; group < LG_GROUPS; group++) names.emplace_back(group_name(static_cast<lg_group>(group)));
  return names;
}

class Reader {
 public:
  Reader(const Document& document, const std::string& name) : document_(document), name_(name) {}

  Result<Policy> read() {
    const json& root = document_.root;
    policy_.mode = *find_mode(root.value("mode", "detect"));
    policy_.strict_read = root.value("strict-read", false);
    if (auto profile = root.find("profile"); profile != root.end()) {
      policy_.profile_file = profile->at("file").get<std::string>();
      policy_.profile_sha256 = profile->at("sha256").get<std::string>();
    }
    for (auto part : {&Reader::read_defaults, &Reader::read_libraries, &Reader::read_actions, &Reader::read_phases,
                      &Reader::read_data}) {
      Status status = (this->*part)();
      if (!status) return tl::unexpected(status.error());
    }
    return std::move(policy_);
  }

 private:
  tl::unexpected<Error> wrong(const std::string& pointer, const std::string& what, const std::string& hint) const {
    std::string place = place_text(pointer);
    return fail(Code::kInvalid, document_.place(name_, pointer) + ": " + (place.empty() ? "" : place + ": ") + what,
                hint);
  }

  Result<RightSet> read_names(const json& list, const std::string& pointer) const {
    RightSet set;
    for (size_t i = 0; i < list.size(); i++) {
      std::string name = list[i].get<std::string>();
      if (auto group = find_group(name)) {
        set.add(*group);
      } else if (auto right = find_right(name)) {
        set.add(*right);
      } else {
        auto near = suggest(name);
        std::string kind = name[0] == '@' ? "unknown group '" : "unknown right '";
        return wrong(pointer + "/" + std::to_string(i), kind + printable(name, 80) + "'",
                     near ? "did you mean '" + *near + "'?" : "groups: " + groups_text());
      }
    }
    return set;
  }

  static std::string groups_text() {
    std::string text;
    for (const std::string& name : group_names()) text += (text.empty() ? "" : " ") + name;
    return text;
  }

  // Adds the names below one key of a grant: a list, or keys any, caller, stack, spawned.
  Status read_roles(const json& node, const std::string& pointer, const std::vector<Phase>& phases,
                    bool caller_implies_stack, Grants& grants) const {
    auto add = [&](const RightSet& rights, const std::vector<Role>& roles) {
      for (Phase phase : phases)
        for (Role role : roles) grants[phase][role].add(rights);
    };
    const std::vector<Role> all(std::begin(kEveryRole), std::end(kEveryRole));
    if (node.is_array()) {
      auto rights = read_names(node, pointer);
      if (!rights) return tl::unexpected(rights.error());
      add(*rights, all);
      return {};
    }
    for (const auto& [key, list] : node.items()) {
      std::vector<Role> roles = all;
      if (key == "stack") roles = {Role::kStack};
      if (key == "spawned") roles = {Role::kSpawned};
      if (key == "caller") roles = {Role::kCaller};
      if (key == "caller" && caller_implies_stack) roles.push_back(Role::kStack);
      if (key == "init" || key == "serving") continue;
      auto rights = read_names(list, pointer + "/" + key);
      if (!rights) return tl::unexpected(rights.error());
      add(*rights, roles);
    }
    return {};
  }

  Result<Grants> read_grants(const json& node, const std::string& pointer, bool caller_implies_stack) const {
    Grants grants;
    Status status = read_roles(node, pointer, {Phase::kInit, Phase::kServing}, caller_implies_stack, grants);
    for (Phase phase : kEveryPhase) {
      std::string key(phase_name(phase));
      if (!status || !node.is_object() || !node.contains(key)) continue;
      status = read_roles(node[key], pointer + "/" + key, {phase}, caller_implies_stack, grants);
    }
    if (!status) return tl::unexpected(status.error());
    return grants;
  }

  Status check_phases(const Grants& grants, const std::string& pointer) const {
    for (Role role : kEveryRole) {
      RightSet beyond = common(rights_in(grants, Phase::kServing, role), dangerous_rights());
      beyond.remove(rights_in(grants, Phase::kInit, role));
      if (!beyond.empty())
        return wrong(pointer, "serving holds " + names_of(beyond)[0] + " but init does not",
                     "a process only ever loses dangerous rights: grant it under init too, or without a phase");
    }
    return {};
  }

  Status read_defaults() {
    policy_.defaults = default_rights();
    auto defaults = document_.root.find("defaults");
    if (defaults == document_.root.end()) return {};
    auto rights = read_names(*defaults, "/defaults");
    if (!rights) return tl::unexpected(rights.error());
    RightSet dangerous = common(*rights, dangerous_rights());
    if (!dangerous.empty())
      return wrong("/defaults", names_of(dangerous)[0] + " is dangerous and cannot be a default",
                   "grant it to the libraries that need it");
    policy_.defaults = *rights;
    return {};
  }

  Result<std::string> read_library_name(const std::string& name, const std::string& pointer) const {
    if (name == kApplicationName) return name;
    if (!is_learnable(name))
      return wrong(pointer, "'" + name + "' has fixed rights", "remove the entry; docs/formats/policy.md says which");
    auto purl = parse_purl(name);
    if (purl) return purl->text();
    if (name.find(':') != std::string::npos || name.find('/') != std::string::npos)
      return wrong(pointer, "no package URL: '" + printable(name, 80) + "'", purl.error().hint);
    return wrong(pointer, "no package URL: '" + printable(name, 80) + "'",
                 "did you mean 'pkg:pypi/" + printable(name, 80) + "'?");
  }

  Status read_library(const json& node, const std::string& pointer, LibraryRules& rules) const {
    if (node.contains("grant")) {
      auto grants = read_grants(node["grant"], pointer + "/grant", true);
      if (!grants) return tl::unexpected(grants.error());
      Status phases = check_phases(*grants, pointer + "/grant");
      if (!phases) return phases;
      rules.grant = std::move(*grants);
    }
    if (node.contains("deny")) {
      auto denied = read_grants(node["deny"], pointer + "/deny", false);
      if (!denied) return tl::unexpected(denied.error());
      rules.deny = std::move(*denied);
    }
    if (node.contains("functions"))
      for (const auto& [group, names] : node["functions"].items())
        rules.functions[*find_group(group)] = names.get<std::set<std::string>>();
    rules.because = node.value("because", "");
    return {};
  }

  Status read_libraries() {
    auto libraries = document_.root.find("libraries");
    if (libraries == document_.root.end()) return {};
    for (const auto& [name, node] : libraries->items()) {
      std::string pointer = (json::json_pointer("/libraries") / name).to_string();
      auto library = read_library_name(name, pointer);
      if (!library) return tl::unexpected(library.error());
      if (policy_.libraries.count(*library))
        return wrong(pointer, "'" + printable(*library, 80) + "' is there twice", "join both entries into one");
      Status status = read_library(node, pointer, policy_.libraries[*library]);
      if (!status) return status;
    }
    return {};
  }

  Status read_actions() {
    auto actions = document_.root.find("actions");
    if (actions == document_.root.end()) return {};
    for (const auto& [key, value] : actions->items()) {
      Action action = value == "log" ? Action::kLog : value == "deny" ? Action::kDeny : Action::kKill;
      auto group = find_group(key);
      std::vector<std::string> known = group_names();
      known.emplace_back("default");
      if (key == "default")
        policy_.default_action = action;
      else if (group)
        policy_.actions[*group] = action;
      else
        return wrong("/actions/" + key, "unknown group '" + printable(key, 80) + "'", did_you_mean(key, known));
    }
    return {};
  }

  Status read_calls(const json& phases, Phase phase) {
    const std::string key(phase_name(phase));
    if (!phases.contains(key) || !phases[key].contains("calls")) return {};
    std::set<int>& calls = policy_.calls[phase];
    const json& names = phases[key]["calls"];
    for (size_t i = 0; i < names.size(); i++) {
      const std::string name = names[i].get<std::string>();
      const auto right = find_right(name);
      if (!right || number(*right) >= LG_RIGHT_NO_CALL) {
        const auto near = suggest(name);
        return wrong("/phases/" + key + "/calls/" + std::to_string(i),
                     "'" + printable(name, 80) + "' is no system call",
                     near ? "did you mean '" + *near + "'?" : "whitelists name calls, without groups or kinds");
      }
      calls.insert(number(*right));
    }
    return {};
  }

  // A process only ever loses calls.
  Status check_calls() const {
    const auto init = policy_.calls.find(Phase::kInit), serving = policy_.calls.find(Phase::kServing);
    if (init == policy_.calls.end()) return {};
    if (serving == policy_.calls.end())
      return wrong("/phases/init/calls", "a whitelist for init, none for serving", "add phases.serving.calls");
    for (const int call : serving->second)
      if (init->second.count(call) == 0)
        return wrong("/phases/serving/calls", "'" + right_name(Right{static_cast<uint16_t>(call)}) + "' is not in init",
                     "a process only ever loses calls: add it to phases.init.calls");
    return {};
  }

  Status read_phases() {
    const json phases = document_.root.value("phases", json::object());
    if (phases.contains("init")) policy_.init_masters = phases["init"].value("masters", std::vector<std::string>());
    for (const Phase phase : kEveryPhase)
      if (Status calls = read_calls(phases, phase); !calls) return calls;
    if (Status narrower = check_calls(); !narrower) return narrower;
    if (!phases.contains("serving")) return {};
    std::string starts = phases["serving"].value("starts", "");
    if (!find_serving_start(starts))
      return wrong("/phases/serving/starts", "unknown start '" + printable(starts, 80) + "'", kServingStarts);
    policy_.serving_starts = starts;
    return {};
  }

  Status read_data() {
    policy_.data = document_.root.value("data", std::vector<std::string>());
    std::sort(policy_.data.begin(), policy_.data.end());
    return {};
  }

  const Document& document_;
  const std::string& name_;
  Policy policy_;
};

tl::unexpected<Error> not_a_policy(const std::string& file) {
  return fail(Code::kInvalid, file + " is a profile, not a policy", "make a policy of it: libguard policy new " + file);
}

}  // namespace

RightSet default_rights() {
  RightSet rights;
  for (lg_group group : {LG_GROUP_BASE, LG_GROUP_IO, LG_GROUP_CODE_MAP, LG_GROUP_FILE_READ}) rights.add(group);
  return rights;
}

Result<Policy> parse_policy(std::string_view text, std::string_view name) {
  std::string file(name);
  if (text.substr(0, 256).find("\"libguard-profile\"") != std::string_view::npos) return not_a_policy(file);
  auto document = parse_document(text, file);
  if (!document) return tl::unexpected(document.error());
  if (auto wrong = check_format(Format::kPolicy, document->root)) {
    json::json_pointer pointer(wrong->pointer);
    std::string place = place_text(wrong->pointer);
    if (!wrong->key.empty()) pointer.push_back(wrong->key);
    return fail(Code::kInvalid,
                document->place(file, pointer.to_string()) + ": " + (place.empty() ? "" : place + ": ") + wrong->what,
                wrong->hint);
  }
  try {
    auto policy = Reader(*document, file).read();
    if (!policy) return policy;
    policy->comments = collect_comments(text, *document);
    policy->digest = sha256_hex(text);
    return policy;
  } catch (const std::exception& error) {
    return fail(Code::kInvalid, file + ": " + printable(error.what(), 200), "see 'libguard policy schema'");
  }
}

Result<Policy> load_policy(const std::string& path) {
  auto bytes = read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  auto policy = parse_policy(*bytes, path);
  if (!policy || policy->profile_file.empty()) return policy;
  std::filesystem::path profile(policy->profile_file);
  policy->profile_path =
      (profile.is_absolute() ? profile : std::filesystem::path(path).parent_path() / profile).string();
  auto pinned = read_file(policy->profile_path);
  if (!pinned)
    return fail(pinned.error().code, path + ": profile: " + pinned.error().what,
                "put the profile beside the policy, or remove 'profile:' if every grant is in the policy");
  std::string digest = sha256_hex(*pinned);
  if (digest != policy->profile_sha256)
    return fail(Code::kInvalid, path + ": the profile " + policy->profile_path + " is not the one that was pinned",
                "review it with 'libguard policy diff', then write sha256: " + digest);
  return policy;
}

}  // namespace libguard
