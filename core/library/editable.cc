// SPDX-License-Identifier: Apache-2.0
// Editable installs: where the code of a distribution lies that was installed with -e.
//
// Way:     a distribution's metadata -> *its directories outside the site directory* -> code map.
// Thread:  the supervisor's serving thread only.
// Failure: what cannot be read owns nothing; a damaged direct_url.json is counted.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/library/distributions.h"

namespace libguard {
namespace {

constexpr size_t kSmallFile = size_t{1} << 20;

std::string_view take_line(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  return line;
}

bool says_editable(const std::string& text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return false;
  auto info = json.find("dir_info");
  if (info == json.end() || !info->is_object()) return false;
  auto editable = info->find("editable");
  return editable != info->end() && editable->is_boolean() && editable->get<bool>();
}

// The next 'quoted' or "quoted" string of `text`, up to the end of the dictionary.
bool take_quoted(std::string_view& text, std::string& value) {
  size_t start = text.find_first_of("'\"}");
  if (start == std::string_view::npos || text[start] == '}') return false;
  char quote = text[start];
  value.clear();
  for (size_t i = start + 1; i < text.size(); i++) {
    if (text[i] == quote) {
      text.remove_prefix(i + 1);
      return true;
    }
    if (text[i] == '\\' && i + 1 < text.size()) i++;
    value += text[i];
  }
  return false;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> finder_mapping(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    size_t length = text.size();
    std::string_view whole = text;
    std::string_view line = take_line(text);
    if (!line.starts_with("MAPPING")) continue;
    size_t brace = whole.substr(0, length).find('{');
    if (brace == std::string_view::npos) break;
    std::string_view rest = whole.substr(brace + 1);
    std::string package, directory;
    while (take_quoted(rest, package) && take_quoted(rest, directory)) pairs.emplace_back(package, directory);
    break;
  }
  return pairs;
}

void Distributions::own_editable(const std::string& directory, std::string_view package, uint32_t index) {
  RealPath real = tree_.real_path(directory);
  if (real.path == "/" || real.facts.kind == FileFacts::Kind::kMissing) return;
  if (const Owner* owner = map_.at(real.path); owner != nullptr && owner->place != Place::kApplication) return;
  bool file = real.facts.is_file();
  std::string root = file ? std::string(parent_of(real.path)) : real.path;
  own(real.path, index, map_.add_import_root(root, file ? std::string_view{} : package));
  if (std::find(editable_directories_.begin(), editable_directories_.end(), root) == editable_directories_.end())
    editable_directories_.push_back(root);
}

void Distributions::read_editable(Site& site, uint32_t index) {
  auto record = site.records.find(index);
  if (record == site.records.end()) return;
  auto direct_url = tree_.read(distributions_[index].metadata + "/direct_url.json", kSmallFile);
  if (!direct_url || !says_editable(*direct_url)) return;
  RecordReader lines(record->second);
  for (std::string_view path; lines.next(path);) {
    if (path.find('/') != std::string_view::npos) continue;
    bool pth = path.ends_with(".pth");
    if (!pth && !(path.starts_with("__editable__") && path.ends_with("finder.py"))) continue;
    RealPath file = tree_.real_path(site.directory + "/" + std::string(path));
    auto text = file.facts.is_file() && trusted(file) ? tree_.read(file.path, kSmallFile) : std::nullopt;
    if (!text) {
      unreadable_++;
      continue;
    }
    if (!pth) {
      for (const auto& [package, directory] : finder_mapping(*text)) {
        bool exists = tree_.facts(directory).kind != FileFacts::Kind::kMissing;
        own_editable(exists ? directory : directory + ".py", package,
                     index);  // a single module is mapped without ".py"
      }
      continue;
    }
    std::string_view rest = *text;
    while (!rest.empty()) {
      std::string_view line = take_line(rest);
      if (line.starts_with('/')) own_editable(std::string(line), {}, index);
    }
  }
}

// "NAME.egg-link", written by "setup.py develop": the first line is the directory of the sources and of NAME.egg-info.
void Distributions::read_egg_link(const Site& site, const std::string& name) {
  RealPath link = tree_.real_path(site.directory + "/" + name);
  auto text = link.facts.is_file() && trusted(link) ? tree_.read(link.path, kSmallFile) : std::nullopt;
  if (!text) return;
  std::string_view rest = *text;
  std::string_view directory = take_line(rest);
  if (!directory.starts_with('/')) return;
  std::string stem = name.substr(0, name.rfind('.'));
  std::string egg_name = stem;
  std::replace(egg_name.begin(), egg_name.end(), '-', '_');
  auto header = tree_.read_head(std::string(directory) + "/" + egg_name + ".egg-info/PKG-INFO", 8192);
  own_editable(std::string(directory), {}, add(site, link, header ? *header : std::string(), stem));
}

}  // namespace libguard
