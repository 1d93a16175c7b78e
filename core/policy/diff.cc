// SPDX-License-Identifier: Apache-2.0
// Compares rights per library without version, so that an upgrade shows what the new version does more.
//
// Way:     see diff.h.
// Thread:  pure functions.
// Failure: none.
#include "core/policy/diff.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/event/format.h"
#include "core/library/purl.h"
#include "core/policy/grants.h"
#include "core/policy/learned.h"
#include "core/policy/write.h"

namespace libguard {
namespace {

struct Side {
  Grants rights;
  std::map<lg_group, std::set<std::string>> functions;
  std::string versions;
};
using View = std::map<std::string, Side>;  // library without version

constexpr lg_group kCellGroups[] = {LG_GROUP_EXEC, LG_GROUP_PROCESS};

View view_of(const Profile& profile) {
  Learned learned(&profile);
  View view;
  for (const auto& [name, unused] : profile.libraries) {
    Side& side = view[strip_version(name)];
    std::string version = name.substr(strip_version(name).size());
    if (!version.empty()) side.versions += (side.versions.empty() ? "" : " ") + version.substr(1);
  }
  // As a policy would grant it, without what everybody holds: the rest is noise in a review.
  for (auto& [name, side] : view) {
    side.rights = learned.grants(name);
    remove_grants(side.rights, everywhere(default_rights()));
  }
  for (auto& [name, side] : view)
    for (lg_group group : kCellGroups)
      if (auto names = learned.functions(name, group); !names.empty()) side.functions[group] = names;
  return view;
}

View view_of(const Rules& rules) {
  View view;
  for (const auto& [name, entry] : rules.entries()) {
    // Versions that say nothing of their own would only repeat the library.
    bool own = rules.policy().libraries.count(name) || strip_version(name) == name;
    if (own) view[name] = {entry.rights, entry.functions, ""};
  }
  return view;
}

std::map<lg_group, std::vector<std::string>> by_group(const RightSet& rights) {
  std::map<lg_group, std::vector<std::string>> groups;
  for (Right right : rights.rights()) groups[group_of(right)].push_back(right_name(right));
  for (auto& [group, names] : groups) {
    std::sort(names.begin(), names.end());
    RightSet held = rights;
    if (held.has_all(group) && names.size() > 3) names = {"all"};
  }
  return groups;
}

// Rights of `more` that `less` lacks, one line per group, role and phase.
void beyond(const std::string& library, const Grants& more, const Grants& less, bool added,
            std::vector<DiffLine>& lines) {
  for (Role role : kEveryRole) {
    std::map<Phase, RightSet> extra;
    for (Phase phase : kEveryPhase) {
      extra[phase] = rights_in(more, phase, role);
      extra[phase].remove(rights_in(less, phase, role));
      // What is not dangerous is judged on the stack only.
      if (role != Role::kStack) extra[phase] = common(extra[phase], dangerous_rights());
      // Being the caller includes being on the stack: said once.
      if (role != Role::kStack) continue;
      RightSet as_caller = rights_in(more, phase, Role::kCaller);
      as_caller.remove(rights_in(less, phase, Role::kCaller));
      extra[phase].remove(common(as_caller, dangerous_rights()));
    }
    RightSet both = common(extra[Phase::kInit], extra[Phase::kServing]);
    auto write = [&](const RightSet& rights, const std::string& phase) {
      for (const auto& [group, names] : by_group(rights)) {
        std::string as = is_dangerous(group) ? std::string(role_name(role)) : "";
        lines.push_back({library, added, std::string(group_name(group)), as, phase, names, is_dangerous(group)});
      }
    };
    write(both, "");
    for (Phase phase : kEveryPhase) {
      extra[phase].remove(both);
      write(extra[phase], std::string(phase_name(phase)));
    }
  }
}

void compare_functions(const std::string& library, const Side& more, const Side& less, bool added,
                       std::vector<DiffLine>& lines) {
  for (const auto& [group, names] : more.functions) {
    std::vector<std::string> extra;
    auto known = less.functions.find(group);
    for (const std::string& name : names)
      if (known == less.functions.end() || !known->second.count(name)) extra.push_back(name);
    if (!extra.empty()) lines.push_back({library, added, "function", std::string(group_name(group)), "", extra, true});
  }
}

int urgency(const std::vector<DiffLine>& lines) {
  int urgency = 2;
  for (const DiffLine& line : lines) urgency = std::min(urgency, line.dangerous && line.added ? 0 : line.added ? 1 : 2);
  return urgency;
}

Diff compare(const View& a, const View& b) {
  Diff diff;
  std::vector<std::pair<int, std::vector<DiffLine>>> libraries;
  std::set<std::string> names;
  for (const View* view : {&a, &b})
    for (const auto& [name, unused] : *view) names.insert(name);
  const Side kNothing;
  for (const std::string& name : names) {
    auto old_side = a.find(name), new_side = b.find(name);
    if (old_side == a.end()) diff.new_libraries.push_back(name);
    if (new_side == b.end()) diff.gone_libraries.push_back(name);
    const Side& before = old_side == a.end() ? kNothing : old_side->second;
    const Side& after = new_side == b.end() ? kNothing : new_side->second;
    if (before.versions != after.versions && !before.versions.empty() && !after.versions.empty())
      diff.versions.emplace_back(name, before.versions + " -> " + after.versions);
    std::vector<DiffLine> lines;
    beyond(name, after.rights, before.rights, true, lines);
    compare_functions(name, after, before, true, lines);
    beyond(name, before.rights, after.rights, false, lines);
    compare_functions(name, before, after, false, lines);
    std::stable_sort(lines.begin(), lines.end(), [](const DiffLine& x, const DiffLine& y) {
      return std::make_tuple(!x.added, !x.dangerous) < std::make_tuple(!y.added, !y.dangerous);
    });
    if (!lines.empty()) libraries.emplace_back(urgency(lines), std::move(lines));
  }
  std::stable_sort(libraries.begin(), libraries.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  for (auto& [rank, lines] : libraries) diff.lines.insert(diff.lines.end(), lines.begin(), lines.end());
  return diff;
}

void compare_setting(const std::string& name, const std::string& before, const std::string& after, Diff& diff) {
  if (before == after) return;
  diff.lines.push_back({"", true, "setting", "", "", {name + ": " + before + " -> " + after}, false});
}

std::string actions_text(const Policy& policy) {
  std::string text(action_name(policy.default_action));
  for (const auto& [group, action] : policy.actions)
    text += ", " + std::string(group_name(group)) + " " + std::string(action_name(action));
  return text;
}

std::string names_text(const std::vector<std::string>& names, const char* between = " ") {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : between) + name;
  return text;
}

// What one whitelist names and the other does not.
std::string calls_beyond(const Policy& a, const Policy& b, Phase phase) {
  const auto mine = a.calls.find(phase), others = b.calls.find(phase);
  if (mine == a.calls.end()) return others == b.calls.end() ? "" : "all";
  std::set<int> beyond;
  for (const int call : mine->second)
    if (others == b.calls.end() || others->second.count(call) == 0) beyond.insert(call);
  return names_text(call_names(beyond));
}

}  // namespace

Diff diff_profiles(const Profile& a, const Profile& b) {
  Diff diff = compare(view_of(a), view_of(b));
  diff.calls = diff_calls(a, b);
  return diff;
}

Diff diff_policies(const Rules& a, const Rules& b) {
  Diff diff = compare(view_of(a), view_of(b));
  const Policy &old_policy = a.policy(), &new_policy = b.policy();
  compare_setting("mode", std::string(mode_name(old_policy.mode)), std::string(mode_name(new_policy.mode)), diff);
  compare_setting("strict-read", old_policy.strict_read ? "true" : "false", new_policy.strict_read ? "true" : "false",
                  diff);
  compare_setting("defaults", names_text(names_of(old_policy.defaults)), names_text(names_of(new_policy.defaults)),
                  diff);
  compare_setting("data", names_text(old_policy.data), names_text(new_policy.data), diff);
  compare_setting("actions", actions_text(old_policy), actions_text(new_policy), diff);
  compare_setting("phases.serving.starts", old_policy.serving_starts, new_policy.serving_starts, diff);
  for (const Phase phase : kEveryPhase)
    compare_setting("phases." + std::string(phase_name(phase)) + ".calls", calls_beyond(old_policy, new_policy, phase),
                    calls_beyond(new_policy, old_policy, phase), diff);
  compare_setting("phases.init.masters", names_text(old_policy.init_masters), names_text(new_policy.init_masters),
                  diff);
  return diff;
}

std::string to_text(const Diff& diff) {
  std::string text;
  const std::string* library = nullptr;
  for (const DiffLine& line : diff.lines) {
    if (line.group == "setting") {
      text += line.names[0] + "\n";
      continue;
    }
    if (library == nullptr || *library != line.library) {
      text += printable(line.library, 200);
      for (const auto& [name, change] : diff.versions)
        if (name == line.library) text += " (" + change + ")";
      if (std::count(diff.new_libraries.begin(), diff.new_libraries.end(), line.library)) text += " (new)";
      if (std::count(diff.gone_libraries.begin(), diff.gone_libraries.end(), line.library)) text += " (gone)";
      text += "\n";
      library = &line.library;
    }
    text += std::string("  ") + (line.added ? "+ " : "- ") + (line.dangerous ? "! " : "  ");
    text += line.group == "function" ? "function for " + line.role : line.group;
    if (line.group != "function" && !line.role.empty()) text += " as " + line.role;
    if (!line.phase.empty()) text += " in " + line.phase + " only";
    text += ": " + printable(names_text(line.names), 2000) + "\n";
  }
  auto quiet = [&](const std::vector<std::string>& names, const char* sign) {
    for (const std::string& name : names)
      if (std::none_of(diff.lines.begin(), diff.lines.end(),
                       [&](const DiffLine& line) { return line.library == name; }))
        text += printable(name, 200) + " (" + sign + ", no rights of its own)\n";
  };
  quiet(diff.new_libraries, "new");
  quiet(diff.gone_libraries, "gone");
  return text + to_text(diff.calls);
}

std::string to_json(const Diff& diff) {
  using nlohmann::ordered_json;
  ordered_json object{
      {"same", diff.same()}, {"new_libraries", diff.new_libraries}, {"gone_libraries", diff.gone_libraries}};
  object["versions"] = ordered_json::object();
  for (const auto& [library, change] : diff.versions) object["versions"][library] = change;
  object["changes"] = ordered_json::array();
  for (const DiffLine& line : diff.lines) {
    ordered_json change{{"library", line.library}, {"change", line.added ? "new" : "gone"}, {"kind", line.group}};
    if (!line.role.empty()) change[line.group == "function" ? "group" : "role"] = line.role;
    if (!line.phase.empty()) change["phase"] = line.phase;
    change["names"] = line.names;
    change["dangerous"] = line.dangerous;
    object["changes"].push_back(std::move(change));
  }
  object["calls"] = ordered_json::array();
  for (const CallChange& call : diff.calls) {
    ordered_json change{{"program", call.program}, {"change", call.added ? "new" : "gone"}, {"call", call.call}};
    if (!call.phase.empty()) change["phase"] = call.phase;
    change["way"] = call.way;
    change["dangerous"] = call.dangerous;
    object["calls"].push_back(std::move(change));
  }
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace libguard
