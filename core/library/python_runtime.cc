// SPDX-License-Identifier: Apache-2.0
// Derives an interpreter's directories from the place of its executable, as CPython's own getpath does.
//
// Way:     see python_runtime.h.
// Thread:  pure functions over the file system.
// Failure: see python_runtime.h.
#include "core/library/python_runtime.h"

#include <algorithm>

namespace libguard {
namespace {

// Real path of `path` if it is a directory that may be trusted, added once.
void add_directory(const Tree& tree, const std::string& path, std::vector<std::string>& directories) {
  RealPath real = tree.real_path(path);
  if (!real.facts.is_directory()) return;
  if (std::find(directories.begin(), directories.end(), real.path) == directories.end())
    directories.push_back(real.path);
}

// "PREFIX/bin/python3.11" -> "PREFIX".
std::string prefix_of(std::string_view executable) {
  std::string_view bin = parent_of(executable);
  std::string_view prefix = parent_of(bin);
  return prefix.empty() || prefix == "/" ? std::string() : std::string(prefix);
}

bool has_library(const Tree& tree, const std::string& prefix, const std::string& version) {
  return tree.real_path(prefix + "/lib/python" + version + "/os.py").facts.is_file();
}

// "PREFIX/lib/x86_64-linux-gnu/libpython3.11.so.1.0" -> "PREFIX".
std::string prefix_around(const Tree& tree, std::string_view image, const std::string& version) {
  for (std::string_view up = parent_of(image); !up.empty() && up != "/"; up = parent_of(up))
    if (has_library(tree, std::string(up), version)) return std::string(up);
  return {};
}

struct VirtualEnvironment {
  std::string prefix;
  bool system_site = false;
};

// "key = value" of pyvenv.cfg, keys in any case.
bool includes_system_site(std::string_view text) {
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string line;
    for (char c : text.substr(0, end))
      if (c != ' ' && c != '\t' && c != '\r') line += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (line == "include-system-site-packages=true") return true;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return false;
}

// CPython looks for pyvenv.cfg beside the path it was started by, then one directory above.
bool find_environment(const Tree& tree, const ResolverOptions& options, std::string_view invoked_as,
                      VirtualEnvironment& found) {
  std::string_view bin = parent_of(invoked_as);
  for (std::string_view directory : {bin, parent_of(bin)}) {
    if (directory.empty()) continue;
    RealPath file = tree.real_path(std::string(directory) + "/pyvenv.cfg");
    if (!file.facts.is_file()) continue;
    int64_t changed = std::max(file.facts.changed_ns, file.newest_link_ns);
    if (!options.trust_new_files && changed >= options.start_time_ns) return false;
    auto text = tree.read_head(file.path, 65536);
    if (!text) return false;
    found.prefix = std::string(parent_of(file.path));
    found.system_site = includes_system_site(*text);
    return true;
  }
  return false;
}

void add_site_of_prefix(const Tree& tree, const std::string& prefix, const std::string& version,
                        std::vector<std::string>& site) {
  for (const char* lib : {"/lib/", "/lib64/"})
    for (const char* suffix : {"", "t"})  // "python3.13t": the free-threaded build
      for (const char* kind : {"/site-packages", "/dist-packages"})
        add_directory(tree, prefix + lib + "python" + version + suffix + kind, site);
}

}  // namespace

PythonDirectories python_directories(const Tree& tree, const ResolverOptions& options, const PythonRuntime& runtime) {
  PythonDirectories found;
  std::string executable = tree.real_path(runtime.executable).path;
  const std::string holder = tree.real_path(runtime.image).path;
  std::string version = std::to_string(runtime.major) + "." + std::to_string(runtime.minor);
  std::string prefix = prefix_of(executable);
  // A program of its own that holds the interpreter: the library is where the interpreter's image is from.
  const bool embedded = !holder.empty() && holder != executable && !has_library(tree, prefix, version);
  if (embedded) prefix = prefix_around(tree, holder, version);
  std::string packed = std::to_string(runtime.major) + std::to_string(runtime.minor);
  for (const char* lib : {"/lib/", "/lib64/"}) {
    for (const char* suffix : {"", "t"})
      add_directory(tree, prefix + lib + "python" + version + suffix, found.standard_library);
    RealPath zip = tree.real_path(prefix + lib + "python" + packed + ".zip");
    if (zip.facts.is_file() && zip.inside.empty()) found.standard_library.push_back(zip.path);
  }
  found.images.push_back(embedded ? holder : executable);
  for (const char* lib : {"/lib/", "/lib64/", "/lib/x86_64-linux-gnu/"}) {
    for (const char* suffix : {".so.1.0", ".so", "t.so.1.0"}) {
      RealPath image = tree.real_path(prefix + lib + "libpython" + version + suffix);
      if (image.facts.is_file()) found.images.push_back(image.path);
    }
  }
  VirtualEnvironment environment;
  bool inside = find_environment(tree, options, runtime.invoked_as, environment);
  if (inside) add_site_of_prefix(tree, environment.prefix, version, found.site);
  if (inside && !environment.system_site) return found;
  if (!options.home.empty()) add_site_of_prefix(tree, options.home + "/.local", version, found.site);
  add_site_of_prefix(tree, prefix, version, found.site);
  if (prefix == "/usr") {  // Debian: one directory for all 3.x, and /usr/local for what pip installs
    add_site_of_prefix(tree, "/usr/local", version, found.site);
    add_directory(tree, "/usr/lib/python3/dist-packages", found.site);
  }
  return found;
}

}  // namespace libguard
