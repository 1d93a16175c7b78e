// SPDX-License-Identifier: Apache-2.0
// Tells directories of data from directories of code by the names of the files in them.
//
// Way:     see data_directories.h.
// Thread:  see data_directories.h.
// Failure: see data_directories.h.
#include "core/data_directories.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/library/tree.h"

namespace libguard {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostEntries = 200000;  // looked at in all: what is left counts as code
constexpr size_t kMostExamples = 16;     // entries remembered of a directory
constexpr size_t kManySiblings = 4;      // "cache/0a", "cache/0b", …: the directory above is meant

bool names_code(const std::string& name) {
  constexpr std::string_view kSuffixes[] = {".py",  ".pyc", ".pyo", ".pyd", ".pth", ".so",   ".zip",
                                            ".egg", ".whl", ".pyz", ".jar", ".sh",  ".class"};
  auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  return std::any_of(std::begin(kSuffixes), std::end(kSuffixes), ends) || name.find(".so.") != std::string::npos ||
         name == "pyvenv.cfg" || name.ends_with(".dist-info") || name.ends_with(".egg-info");
}

bool holds_code(const std::string& directory, size_t& seen) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (names_code(at->path().filename().string()) || ++seen > kMostEntries) return true;
  return static_cast<bool>(error) && error != std::errc::no_such_file_or_directory;
}

std::string above(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Result<DataDirectories> place_data(const std::vector<std::string>& data, const std::string& application,
                                   const std::vector<std::string>& own_files) {
  DataDirectories found;
  if (data.empty()) return found;
  if (application.empty())
    return fail(Code::kInvalid, "the policy names directories of data, but there is no application that they are of",
                "say which directory holds its code: --app DIR");
  const Tree tree("/");
  const std::string root = tree.real_path(application).path;
  for (const std::string& name : data) {
    const RealPath real = tree.real_path(root + "/" + name);
    if (!real.facts.is_directory()) found.missing.push_back(root + "/" + name);
    if (!real.facts.is_directory() || !is_below(real.path, root)) continue;
    for (const std::string& own : own_files)
      if (is_below(own, real.path))
        return fail(Code::kInvalid, own + " lies in a directory that the policy names as data",
                    "put it elsewhere: the program may write there");
    found.places.push_back(real.path);
  }
  return found;
}

bool WrittenDirectories::is_cache(std::string_view path) { return path.find("/__pycache__") != std::string_view::npos; }

void WrittenDirectories::note(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || is_cache(path) || path.starts_with("/proc/")) return;
  const std::string directory(path.substr(0, slash));
  if (written_.size() >= kMost && written_.count(directory) == 0) return;
  std::set<std::string>& entries = written_[directory];
  if (entries.size() < kMostExamples) entries.emplace(path);
}

WrittenDirectories::Found WrittenDirectories::find() const {
  Found found;
  std::set<std::string> data;
  size_t seen = 0;
  auto covered = [&](const std::string& path) {
    return std::any_of(data.begin(), data.end(), [&](const auto& root) { return is_below(path, root); });
  };
  for (const auto& [directory, entries] : written_)  // what holds another comes first
    if (!application_.empty() && is_below(directory, application_) && !covered(directory) &&
        !holds_code(directory, seen))
      data.insert(directory);
  std::map<std::string, size_t> siblings;
  for (const std::string& directory : data) siblings[above(directory)]++;
  for (const auto& [directory, count] : siblings)
    if (count >= kManySiblings && directory != application_ && !holds_code(directory, seen)) data.insert(directory);
  for (const auto& [directory, entries] : written_) {
    if (covered(directory) || data.count(directory)) continue;
    auto beside = [&](const std::string& entry) { return data.count(entry) == 0 && !covered(entry); };  // made as data
    auto entry = std::find_if(entries.begin(), entries.end(), beside);
    if (entry != entries.end()) found.beside_code.push_back(*entry);
  }
  for (const std::string& directory : data)
    if (!covered(directory) && directory.find('\n') == std::string::npos)
      found.data.push_back(directory.substr(application_.size() + 1));
  return found;
}

}  // namespace libguard
