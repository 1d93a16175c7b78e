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

std::string calls_text(const Analysis& analysis, double seconds) {
  const Program& program = analysis.program();
  char line[256];
  std::string text = analysis.options().program + " can make " + plural(analysis.calls().count(), "system call") + "\n";
  std::snprintf(line, sizeof line, "level %s; %zu files, %zu functions, %zu of them can run; %.2f s\n\n",
                level_name(analysis.options().level).c_str(), program.modules().size(), program.node_count(),
                analysis.closure().function_count(), seconds);
  text += line + groups_text(analysis.calls()) + "\n";
  size_t width = 4;
  std::vector<MatrixRow> rows = analysis.matrix();
  for (const MatrixRow& row : rows) width = std::max(width, program.modules()[row.module].path.size());
  std::snprintf(line, sizeof line, "%-*s  can run  calls  dangerous\n", static_cast<int>(std::min<size_t>(width, 120)),
                "file");
  text += line;
  for (const MatrixRow& row : rows) {
    std::snprintf(line, sizeof line, "%-*s  %7zu  %5zu  %s", static_cast<int>(std::min<size_t>(width, 120)),
                  program.modules()[row.module].path.c_str(), row.reached, row.calls.count(),
                  dangerous_groups(row.calls).c_str());
    text += std::string(line).substr(0, std::string(line).find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string matrix_text(const Analysis& analysis) {
  std::string text;
  for (const MatrixRow& row : analysis.matrix()) {
    text += analysis.program().modules()[row.module].path + " (" + std::to_string(row.calls.count()) + ")\n";
    text += wrapped(names_of(row.calls), 4);
  }
  return text;
}

std::string matrix_json(const Analysis& analysis) {
  Json files = Json::object();
  for (const MatrixRow& row : analysis.matrix())
    files[analysis.program().modules()[row.module].path] = names_of(row.calls);
  Json answer = {{"program", analysis.options().program}, {"calls", names_of(analysis.calls())}, {"files", files}};
  return answer.dump(2) + "\n";
}

std::string why_text(const Analysis& analysis, int call, size_t limit) {
  const Program& program = analysis.program();
  std::vector<Node> makers = analysis.makers_of(call);
  if (makers.empty()) return analysis.options().program + " cannot make " + call_name(call) + "\n";
  std::string text = call_name(call) + " is made by " + plural(makers.size(), "function") + " that can run\n";
  for (size_t i = 0; i < std::min(limit, makers.size()); i++) {
    text += "\n";
    for (auto [node, how] : analysis.closure().path_to(makers[i])) {
      char line[512];
      std::snprintf(line, sizeof line, "  %-7s  %s  %s\n", how_text(how).c_str(), program.name_of(node).c_str(),
                    program.modules()[program.module_of(node)].path.c_str());
      text += line;
    }
  }
  if (makers.size() > limit) text += "\n" + std::to_string(makers.size() - limit) + " more with --json\n";
  return text;
}

std::string why_json(const Analysis& analysis, int call) {
  const Program& program = analysis.program();
  Json witnesses = Json::array();
  std::vector<Node> makers = analysis.makers_of(call);
  for (size_t i = 0; i < std::min(kMostWitnesses, makers.size()); i++) {
    Json path = Json::array();
    for (auto [node, how] : analysis.closure().path_to(makers[i]))
      path.push_back({{"how", how_text(how)},
                      {"function", program.name_of(node)},
                      {"file", program.modules()[program.module_of(node)].path}});
    witnesses.push_back(path);
  }
  Json answer = {{"program", analysis.options().program},
                 {"call", call_name(call)},
                 {"functions", makers.size()},
                 {"witnesses", witnesses}};
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

std::vector<std::string> limits_of(const Analysis& analysis) {
  std::vector<std::string> lines;
  for (const std::string& name : analysis.not_found()) lines.push_back("not found: " + name);
  for (const UnresolvedSite& site : analysis.unresolved()) {
    if (site.reviewed) continue;
    char address[32];
    std::snprintf(address, sizeof address, "0x%llx", static_cast<unsigned long long>(site.address));
    const char* what = site.by_pointer ? "may be called through a pointer, with any number: "
                                       : "makes a call whose number is not known: ";
    lines.push_back(what + site.function + " at " + address + " in " + site.path);
  }
  return lines;
}

}  // namespace libguard
