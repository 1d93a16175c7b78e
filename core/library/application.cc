// SPDX-License-Identifier: Apache-2.0
// Reads a command line as CPython does, and refuses directories that hold more than an application.
//
// Way:     see application.h.
// Thread:  pure functions over the file system.
// Failure: see application.h.
#include "core/library/application.h"

#include <algorithm>
#include <string_view>

namespace libguard {
namespace {

constexpr const char* kHint = "say which directory holds the application: --app DIR";

bool is_python(std::string_view program) {
  std::string_view name = name_of(program);
  for (std::string_view stem : {"python", "pypy"}) {
    if (!name.starts_with(stem)) continue;
    std::string_view rest = name.substr(stem.size());
    return rest.find_first_not_of("0123456789.t") == std::string_view::npos;
  }
  return false;
}

// Index after one option of the interpreter, or 0 if that option ends the search for a script (-c, -m).
size_t skip_option(const std::vector<std::string>& command, size_t i) {
  const std::string& option = command[i];
  if (option.starts_with("--")) return i + (option == "--check-hash-based-pycs" ? 2 : 1);
  for (size_t j = 1; j < option.size(); j++) {
    if (option[j] == 'c' || option[j] == 'm') return 0;
    if (option[j] == 'W' || option[j] == 'X') return i + (j + 1 < option.size() ? 1 : 2);
  }
  return i + 1;
}

bool is_script_directory(std::string_view directory) {
  std::string_view name = name_of(directory);
  return name == "bin" || name == "sbin" || name == "games";
}

std::string absolute(std::string_view path, const std::string& working_directory) {
  return path.starts_with('/') ? std::string(path) : working_directory + "/" + std::string(path);
}

bool is_home(std::string_view directory, const std::string& home) {
  return directory == home || directory == "/root" || directory == "/home" || parent_of(directory) == "/home";
}

bool is_temporary(std::string_view directory, const std::string& temporary) {
  return directory == "/tmp" || directory == "/var/tmp" || directory == "/dev/shm" || directory == "/run/shm" ||
         (!temporary.empty() && directory == temporary);
}

bool is_system(std::string_view directory) {
  static constexpr std::string_view kSystem[] = {
      "/usr",  "/bin",   "/sbin",    "/lib",       "/lib64",         "/etc",       "/var",
      "/proc", "/sys",   "/dev",     "/boot",      "/run",           "/opt",       "/srv",
      "/mnt",  "/media", "/usr/lib", "/usr/local", "/usr/local/lib", "/usr/share", "/var/lib"};
  if (std::find(std::begin(kSystem), std::end(kSystem), directory) != std::end(kSystem)) return true;
  return is_script_directory(directory) && (parent_of(directory) == "/usr" || parent_of(directory) == "/usr/local");
}

}  // namespace

std::string script_of(const std::vector<std::string>& command) {
  if (command.empty()) return {};
  if (!is_python(command[0])) {
    // A script started by its own name; one in a bin directory is a console script and has no directory of its own.
    bool own = command[0].find('/') != std::string::npos && !is_script_directory(parent_of(command[0]));
    return own || command[0].ends_with(".py") ? command[0] : std::string();
  }
  for (size_t i = 1; i < command.size();) {
    const std::string& word = command[i];
    if (word == "--") return i + 1 < command.size() ? command[i + 1] : std::string();
    if (word == "-") return {};
    if (!word.starts_with('-')) return word;
    i = skip_option(command, i);
    if (i == 0) return {};
  }
  return {};
}

Result<std::string> choose_application_dir(const ApplicationQuestion& question, const Tree& tree) {
  if (!question.explicit_directory.empty()) {
    RealPath real = tree.real_path(absolute(question.explicit_directory, question.working_directory));
    if (!real.facts.is_directory())
      return fail(Code::kNotFound, "--app " + question.explicit_directory + ": no such directory", kHint);
    if (real.path == "/") return fail(Code::kInvalid, "--app /: every file would be the application", kHint);
    return real.path;
  }
  std::string script = script_of(question.command);
  RealPath chosen = tree.real_path(question.working_directory);
  if (!script.empty()) {
    RealPath real = tree.real_path(absolute(script, question.working_directory));
    if (real.facts.kind == FileFacts::Kind::kMissing && is_python(question.command[0]))
      return fail(Code::kNotFound, script + ": no such file",
                  "give the script's path as Python would see it, or --app DIR");
    std::string directory = real.facts.is_directory() ? real.path : std::string(parent_of(real.path));
    bool exists = real.facts.kind != FileFacts::Kind::kMissing;
    if (exists && !is_script_directory(directory)) chosen = tree.real_path(directory);
  }
  std::string temporary = question.temporary.empty() ? std::string() : tree.real_path(question.temporary).path;
  std::string home = question.home.empty() ? std::string() : tree.real_path(question.home).path;
  const char* reason = !chosen.facts.is_directory()           ? "no such directory"
                       : chosen.path == "/"                   ? "it is the root of the file system"
                       : is_home(chosen.path, home)           ? "it is a home directory"
                       : is_temporary(chosen.path, temporary) ? "it is a temporary directory"
                       : is_system(chosen.path)               ? "it is a directory of the system"
                                                              : nullptr;
  if (reason == nullptr) return chosen.path;
  return fail(Code::kInvalid, chosen.path + " cannot be the application's directory: " + reason, kHint);
}

}  // namespace libguard
