// SPDX-License-Identifier: Apache-2.0
// A web service that talks to another one, deploys with git and loads an extension; and a large one by arithmetic.
#include "tests/unit/emit_sample_profile.h"

#include <algorithm>
#include <cstdlib>

namespace libguard {
namespace {

const char* const kRequests = "pkg:pypi/requests@2.31.0";
const char* const kUrllib3 = "pkg:pypi/urllib3@2.2.2";
const char* const kDeploy = "pkg:pypi/deploytool@1.2.0";
const char* const kPython = "/usr/bin/python3.11";

Right right(const char* name) {
  std::optional<Right> found = find_right(name);
  if (!found) std::abort();
  return *found;
}

Observation seen(const char* name, Phase phase, uint64_t count, std::vector<std::string> stack) {
  Observation out;
  out.right = right(name);
  out.phase = phase;
  out.count = count;
  out.program = kPython;
  out.caller = "runtime";
  for (const std::string& frame : stack) {
    std::string library = frame.substr(0, frame.find('|'));
    if (out.caller == "runtime") out.caller = library;
    out.libraries.push_back(library);
  }
  if (!stack.empty()) {
    std::string first = stack.front();
    out.direct = first.substr(0, first.find('|')) + " " + first.substr(first.find('|') + 1);
    if (first.rfind("runtime", 0) != 0) out.direct_function = first.substr(first.find('|') + 1);
  }
  std::sort(out.libraries.begin(), out.libraries.end());
  out.libraries.erase(std::unique(out.libraries.begin(), out.libraries.end()), out.libraries.end());
  out.stack = std::move(stack);
  return out;
}

}  // namespace

Profile small_profile() {
  Profile profile;
  profile.target.command = {"python3", "-m", "shop"};
  profile.target.kernel = "6.1.0";
  profile.target.runtimes = {"cpython 3.11.2"};
  profile.runs.push_back({"2026-01-02T03:04:05.678Z", 12.5, 9001, "libguard 0.1.0"});
  profile.completeness = {{"faults", 0}};
  std::string requests = std::string(kRequests) + "|requests.sessions.Session.request";
  std::string urllib3 = std::string(kUrllib3) + "|urllib3.connection.HTTPConnection._new_conn";
  std::string deploy = std::string(kDeploy) + "|deploytool.ship.run";
  std::string app = "application|shop.views.pay";
  auto& list = profile.observations;
  list.push_back(seen("connect", Phase::kServing, 41, {"runtime|socket.create_connection", urllib3, requests, app}));
  list.push_back(seen("execve", Phase::kInit, 2, {"runtime|subprocess.Popen._execute_child", deploy, app}));
  list.push_back(seen("openat:write", Phase::kServing, 1200, {requests, app}));
  list.push_back(seen("openat:read", Phase::kInit, 7, {app}));
  list.push_back(
      seen("py:import.extension", Phase::kInit, 1, {"runtime|importlib._bootstrap_external.X", urllib3, app}));
  Observation child = seen("connect", Phase::kInit, 3, {});
  child.program = "/usr/bin/git";
  child.caller = child.direct = "pkg:deb/debian/git@2.39.2";
  child.libraries = {child.caller};
  child.spawners = {"application", kDeploy};
  list.push_back(child);
  profile.derive();
  return profile;
}

std::vector<Event> small_events() {
  Event refused;
  refused.id = "0f3a9b1c22de";
  refused.time = "2026-01-02T03:05:00.000Z";
  refused.kind = "deviation";
  refused.mode = "enforce";
  refused.action = "deny";
  refused.phase = "serving";
  refused.library_purl = refused.caller = kRequests;
  refused.culprits = {{kRequests, "caller"}, {"application", "stack"}};
  refused.stack = {{"runtime", "os.system"}, {kRequests, "requests.utils.<script>"}, {"application", "shop.views.pay"}};
  refused.right_name = "execve";
  refused.right_group = "@exec";
  refused.grant = "  \"pkg:pypi/requests\": { grant: [\"@exec\"] }";
  Event again = refused, stranger = refused, load, unplaced = refused;
  again.count = 10;
  stranger.id = "aaaaaaaaaaaa";
  stranger.culprits = {{"pkg:pypi/simple-library@0.1.0", "caller"}};
  load.kind = "load";
  unplaced.id = "bbbbbbbbbbbb";
  unplaced.right_name = "no such right";
  return {refused, load, stranger, again, unplaced};
}

Profile large_profile(int libraries) {
  Profile profile;
  profile.target.command = {"python3", "-m", "gunicorn", "service:app"};
  profile.runs.push_back({"2026-01-02T03:04:05.678Z", 60, 500000, "libguard 0.1.0"});
  std::vector<Right> rights;
  for (int group = 0; group < LG_GROUPS; group++) {
    std::vector<Right> all = rights_of(static_cast<lg_group>(group));
    for (size_t i = 0; i < all.size() && i < 4; i++) rights.push_back(all[i]);
  }
  uint32_t random = 12345;
  auto next = [&random](uint32_t limit) { return (random = random * 1664525u + 1013904223u) / 65536u % limit; };
  for (int library = 0; library < libraries; library++) {
    std::string purl = "pkg:pypi/some-library-" + std::to_string(library) + "@1.2." + std::to_string(library);
    for (size_t i = 0; i < rights.size(); i++) {
      if (next(100) < (is_dangerous(group_of(rights[i])) ? 92u : 60u)) continue;
      std::vector<std::string> stack;
      for (uint32_t depth = 0, end = 10 + next(30); depth < end; depth++)
        stack.push_back(depth % 3 == 0 ? purl + "|some_library.module_" + std::to_string(next(9)) + ".Class.method"
                                       : "pkg:pypi/framework-" + std::to_string(next(6)) + "@3.0|framework.call_" +
                                             std::to_string(next(40)));
      const char* name = "read";
      Observation one = seen(name, next(2) ? Phase::kInit : Phase::kServing, 1 + next(5000), stack);
      one.right = rights[i];
      profile.observations.push_back(one);
    }
  }
  profile.derive();
  return profile;
}

}  // namespace libguard
