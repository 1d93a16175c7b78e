// SPDX-License-Identifier: Apache-2.0
// Words of scripts, paths in programs.
//
// Way:     see launch.h.
// Thread:  see launch.h.
// Failure: see launch.h.
#include "core/analysis/launch.h"

#include <algorithm>
#include <set>

namespace libguard {
namespace {

constexpr size_t kLargestScript = 4u << 20;
constexpr int kExecve = 59, kExecveat = 322;

std::vector<std::string> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string> words;
  for (size_t at = text.find_first_not_of(separators); at != std::string_view::npos;) {
    size_t end = std::min(text.find_first_of(separators, at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(separators, end);
  }
  return words;
}

}  // namespace

std::string find_executable(const Tree& tree, const std::string& name, const std::vector<std::string>& search_path,
                            const std::string& directory) {
  auto executable = [&](const std::string& path) -> std::string {
    RealPath real = tree.real_path(path);
    bool good = real.facts.is_file() && real.inside.empty() && (real.facts.mode & 0111) != 0;
    return good ? real.path : "";
  };
  if (name.empty()) return "";
  if (name.find('/') != std::string::npos) return executable(name[0] == '/' ? name : directory + "/" + name);
  for (const std::string& place : search_path) {
    std::string found = executable(place + "/" + name);
    if (!found.empty()) return found;
  }
  return "";
}

bool is_elf(const Tree& tree, const std::string& path) {
  auto head = tree.read_head(path, 4);
  return head && *head == "\177ELF";
}

std::vector<std::string> programs_of_script(const Tree& tree, const std::string& path,
                                            const std::vector<std::string>& search_path) {
  auto head = tree.read_head(path, 2);
  auto text = head && *head == "#!" ? tree.read(path, kLargestScript) : std::nullopt;
  if (!text) return {};
  std::vector<std::string> programs;
  std::set<std::string> seen = {path};
  auto add = [&](const std::string& word) {
    std::string program = find_executable(tree, word, search_path, "/");
    if (!program.empty() && seen.insert(program).second) programs.push_back(program);
    return !program.empty();
  };
  size_t line_end = std::min(text->find('\n'), text->size());
  bool first = true;
  for (const std::string& word : words_of(std::string_view(*text).substr(2, line_end - 2), " \t\r")) {
    if (first || word[0] != '-') add(word);  // "/usr/bin/env bash"
    first = false;
  }
  bool shell = !programs.empty() && std::any_of(programs.begin(), programs.end(), [](const std::string& program) {
    std::string_view name = name_of(program);
    return name == "sh" || name == "dash" || name == "bash" || name == "busybox" || name == "ash" || name == "zsh" ||
           name == "ksh";
  });
  if (!shell) return programs;
  for (const std::string& line : words_of(std::string_view(*text).substr(line_end), "\n")) {
    size_t start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line[start] == '#') continue;
    for (const std::string& word : words_of(line, " \t;|&(){}<>`$\"'=!")) add(word);
  }
  return programs;
}

std::vector<std::string> programs_started_by(const Analysis& analysis) {
  if (!analysis.calls().test(kExecve) && !analysis.calls().test(kExecveat)) return {};
  std::vector<std::string> programs;
  for (const auto& [module, name] : analysis.closure().names()) {
    if (!name.starts_with("/") || name.find(".so") != std::string::npos) continue;
    std::string program = find_executable(analysis.program().tree(), name, {}, "/");
    bool known = std::find(programs.begin(), programs.end(), program) != programs.end();
    if (!program.empty() && !known) programs.push_back(program);
  }
  return programs;
}

}  // namespace libguard
