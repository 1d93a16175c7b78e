// SPDX-License-Identifier: Apache-2.0
// The CPython interpreters of this machine that the frontend supports.
//
// Way:     what the tests of the frontend run.
// Thread:  any.
// Failure: none found is an empty list; the tests fail on that.
#pragma once

#include <glob.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace libguard::test {

struct PythonFound {
  std::string program, stdlib, version;  // "/usr/bin/python3.11", "/usr/lib/python3.11", "3.11.2"
  int minor = 0;
};

inline std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  char buffer[256];
  while (pipe && fgets(buffer, sizeof buffer, pipe)) out += buffer;
  if (pipe) pclose(pipe);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

inline std::vector<PythonFound> find_pythons() {
  std::string home = getenv("HOME") ? getenv("HOME") : "";
  std::map<std::string, PythonFound> found;  // by version
  for (const std::string& pattern :
       {std::string("/usr/bin/python3.*[0-9]"), std::string("/usr/local/bin/python3.*[0-9]"),
        home + "/.pyenv/versions/3.*/bin/python3"}) {
    glob_t matches = {};
    glob(pattern.c_str(), 0, nullptr, &matches);
    for (size_t i = 0; i < matches.gl_pathc; i++) {
      std::string program = matches.gl_pathv[i];
      std::string facts = output_of(program +
                                    " -IS -c 'import sys, os; print(sys.version_info[1], sys.version.split()[0],"
                                    " os.path.dirname(os.__file__), \"free-threading\" in sys.version)'");
      char version[64] = "", stdlib[512] = "", free_threaded[8] = "";
      int minor = 0;
      if (sscanf(facts.c_str(), "%d %63s %511s %7s", &minor, version, stdlib, free_threaded) != 4) continue;
      if (minor < 9 || minor > 15 || std::string(free_threaded) == "True") continue;
      found.emplace(version, PythonFound{program, stdlib, version, minor});
    }
    globfree(&matches);
  }
  std::vector<PythonFound> all;
  for (auto& [version, one] : found) all.push_back(one);
  return all;
}

}  // namespace libguard::test
