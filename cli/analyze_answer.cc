// SPDX-License-Identifier: Apache-2.0
// Text for people, JSON for programs.
//
// Way:     see analyze_answer.h.
// Thread:  see analyze_answer.h.
// Failure: see analyze_answer.h.
#include "cli/analyze_answer.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/rights/rights.h"

namespace libguard {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kWidth = 110;
constexpr size_t kMostWitnesses = 100;  // in JSON

std::vector<std::string> names_of(const CallSet& calls) {
  std::vector<std::string> names;
  for (size_t i = 0; i < calls.size(); i++)
    if (calls.test(i)) names.push_back(call_name(static_cast<int>(i)));
  std::sort(names.begin(), names.end());
  return names;
}

// Words in lines of at most kWidth characters, each behind the indent.
std::string wrapped(const std::vector<std::string>& words, size_t indent) {
  std::string text, line(indent, ' ');
  for (const std::string& word : words) {
    if (line.size() + word.size() > kWidth && line.size() > indent) {
      text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      line.assign(indent, ' ');
    }
    line += word + " ";
  }
  return text + line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string level_name(Level level) {
  switch (level) {
    case Level::kTaken:
      return "taken";
    case Level::kReached:
      return "reached";
    case Level::kObjects:
      return "objects";
  }
  return "";
}

std::string plural(size_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

// Arguments are not looked at: a call that has splits is in the groups of all of them.
std::string groups_text(const CallSet& calls) {
  std::map<lg_group, std::vector<std::string>> groups;
  for (size_t i = 0; i < calls.size(); i++) {
    if (!calls.test(i)) continue;
    for (Right right : rights_of_call(static_cast<int>(i))) groups[group_of(right)].push_back(right_name(right));
  }
  std::string text;
  for (auto& [group, names] : groups) {
    std::sort(names.begin(), names.end());
    text += std::string(group_name(group)) + ": " + std::string(group_description(group)) + "\n" + wrapped(names, 4);
  }
  return text;
}

// Everybody maps memory and starts threads: calls that can be harmless are not counted, nor is what no split names.
std::string dangerous_groups(const CallSet& calls) {
  std::set<lg_group> groups;
  for (size_t i = 0; i < calls.size(); i++) {
    if (!calls.test(i)) continue;
    std::vector<Right> rights = rights_of_call(static_cast<int>(i));
    bool harmless = std::any_of(rights.begin(), rights.end(), [](Right r) { return group_of(r) <= LG_GROUP_IO; });
    for (Right right : rights)
      if (!harmless && is_dangerous(group_of(right)) && (rights.size() == 1 || number(right) >= calls.size()))
        groups.insert(group_of(right));
  }
  std::string text;
  for (lg_group group : groups) text += (text.empty() ? "" : " ") + std::string(group_name(group));
  return text;
}

// By path: what every program together lets the file do.
std::map<std::string, MatrixRow> rows_of(const Targets& targets) {
  std::map<std::string, MatrixRow> rows;
  for (const auto& analysis : targets.analyses) {
    for (const MatrixRow& row : analysis->matrix()) {
      MatrixRow& all = rows[analysis->program().modules()[row.module].path];
      all.calls |= row.calls;
      all.reached = std::max(all.reached, row.reached);
    }
  }
  return rows;
}

std::string how_text(Closure::How how) {
  switch (how) {
    case Closure::How::kRoot:
      return "start";
    case Closure::How::kCall:
      return "call";
    case Closure::How::kPointer:
      return "pointer";
  }
  return "";
}

}  // namespace

std::string call_name(int call) { return syscall_name(call).value_or("syscall:" + std::to_string(call)); }

CallSet calls_of(const Targets& targets) {
  CallSet calls;
  for (const auto& analysis : targets.analyses) calls |= analysis->calls();
  return calls;
}

std::string calls_text(const Targets& targets, double seconds) {
  std::map<std::string, MatrixRow> rows = rows_of(targets);
  std::set<std::string> files;
  size_t functions = 0, reached = 0, width = 4;
  for (const auto& analysis : targets.analyses) {
    for (const Module& module : analysis->program().modules())
      if (files.insert(module.path).second) functions += module.summary->function_count();
  }
  for (const auto& [path, row] : rows) {
    width = std::min<size_t>(std::max(width, path.size()), 120);
    reached += row.reached;
  }
  CallSet calls = calls_of(targets);
  char line[512];
  std::string text = targets.name + " can make " + plural(calls.count(), "system call") + "\n";
  std::snprintf(line, sizeof line, "level %s; %zu files, %zu functions, %zu of them can run; %.2f s\n\n",
                level_name(targets.analyses.front()->options().level).c_str(), files.size(), functions, reached,
                seconds);
  text += line + groups_text(calls) + "\n";
  if (targets.analyses.size() > 1) {
    for (const auto& analysis : targets.analyses) {
      std::snprintf(line, sizeof line, "%5zu  %s\n", analysis->calls().count(), analysis->options().program.c_str());
      text += line;
    }
    text += "\n";
  }
  std::snprintf(line, sizeof line, "%-*s  can run  calls  dangerous\n", static_cast<int>(width), "file");
  text += line;
  for (const auto& [path, row] : rows) {
    std::snprintf(line, sizeof line, "%-*s  %7zu  %5zu  %s", static_cast<int>(width), path.c_str(), row.reached,
                  row.calls.count(), dangerous_groups(row.calls).c_str());
    text += std::string(line).substr(0, std::string(line).find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string matrix_text(const Targets& targets) {
  std::string text;
  for (const auto& [path, row] : rows_of(targets))
    text += path + " (" + std::to_string(row.calls.count()) + ")\n" + wrapped(names_of(row.calls), 4);
  return text;
}

std::string matrix_json(const Targets& targets) {
  Json files = Json::object(), programs = Json::array();
  for (const auto& [path, row] : rows_of(targets)) files[path] = names_of(row.calls);
  for (const auto& analysis : targets.analyses) programs.push_back(analysis->options().program);
  Json answer = {{"programs", programs}, {"calls", names_of(calls_of(targets))}, {"files", files}};
  return answer.dump(2) + "\n";
}

std::string why_text(const Targets& targets, int call, size_t limit) {
  std::string text;
  for (const auto& analysis : targets.analyses) {
    const Program& program = analysis->program();
    std::vector<Node> makers = analysis->makers_of(call);
    if (makers.empty()) continue;
    text += (text.empty() ? "" : "\n") + analysis->options().program + ": " + call_name(call) + " is made by " +
            plural(makers.size(), "function") + " that can run\n";
    for (size_t i = 0; i < std::min(limit, makers.size()); i++) {
      text += "\n";
      for (auto [node, how] : analysis->closure().path_to(makers[i])) {
        char line[512];
        std::snprintf(line, sizeof line, "  %-7s  %s  %s\n", how_text(how).c_str(), program.name_of(node).c_str(),
                      program.modules()[program.module_of(node)].path.c_str());
        text += line;
      }
    }
    if (makers.size() > limit) text += "\n" + std::to_string(makers.size() - limit) + " more with --json\n";
  }
  return text.empty() ? targets.name + " cannot make " + call_name(call) + "\n" : text;
}

std::string why_json(const Targets& targets, int call) {
  Json witnesses = Json::array();
  size_t functions = 0;
  for (const auto& analysis : targets.analyses) {
    const Program& program = analysis->program();
    std::vector<Node> makers = analysis->makers_of(call);
    functions += makers.size();
    for (size_t i = 0; i < std::min(kMostWitnesses, makers.size()); i++) {
      Json path = Json::array();
      for (auto [node, how] : analysis->closure().path_to(makers[i]))
        path.push_back({{"how", how_text(how)},
                        {"function", program.name_of(node)},
                        {"file", program.modules()[program.module_of(node)].path}});
      witnesses.push_back({{"program", analysis->options().program}, {"path", path}});
    }
  }
  Json answer = {{"call", call_name(call)}, {"functions", functions}, {"witnesses", witnesses}};
  return answer.dump(2) + "\n";
}

std::string exports_text(const std::string& library, const std::vector<ExportRow>& rows) {
  std::string text = library + " exports " + plural(rows.size(), "function") + "\n";
  for (const ExportRow& row : rows) {
    text += row.name + " (" + std::to_string(row.calls.count()) + (row.unresolved ? " and unknown" : "") + ")\n";
    if (row.calls.any()) text += wrapped(names_of(row.calls), 4);
  }
  return text;
}

std::string exports_json(const std::string& library, const std::vector<ExportRow>& rows) {
  Json exported = Json::object();
  for (const ExportRow& row : rows) exported[row.name] = names_of(row.calls);
  Json answer = {{"library", library}, {"exports", exported}};
  return answer.dump(2) + "\n";
}

std::vector<std::string> limits_of(const Targets& targets) {
  std::vector<std::string> lines;
  auto add = [&](std::string line) {
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(std::move(line));
  };
  for (const auto& analysis : targets.analyses) {
    for (const std::string& name : analysis->not_found()) add("not found: " + name);
    for (const UnresolvedSite& site : analysis->unresolved()) {
      if (site.reviewed) continue;
      char address[32];
      std::snprintf(address, sizeof address, "0x%llx", static_cast<unsigned long long>(site.address));
      const char* what = site.by_pointer ? "may be called through a pointer, with any number: "
                                         : "makes a call whose number is not known: ";
      add(what + site.function + " at " + address + " in " + site.path);
    }
  }
  return lines;
}

}  // namespace libguard
