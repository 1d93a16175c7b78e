// SPDX-License-Identifier: Apache-2.0
// A static analysis as a profile: what each library could do, as if it had been seen.
//
// Way:     analysis -> *profile* -> policy, whitelists.
// Thread:  see analyze_answer.h.
// Failure: see analyze_answer.h. A file that nobody can name is pkg:generic/NAME.
//
// Arguments are not looked at: a call that has splits counts with all of them. Where nothing is known of the phases,
// both hold the same.
#include <sys/utsname.h>

#include <algorithm>
#include <map>

#include "cli/analyze_answer.h"
#include "core/base/text.h"
#include "core/library/library.h"
#include "core/library/purl.h"
#include "core/library/resolver.h"

namespace libguard {
namespace {

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

ResolverOptions options_for(const std::string& root) {
  ResolverOptions options;
  options.root = root;
  options.trust_new_files = true;
  return options;
}

class ProfileMaker {
 public:
  explicit ProfileMaker(const Analysis& analysis)
      : analysis_(analysis), resolver_(options_for(analysis.options().root), table_) {}

  const std::string& purl_of(uint32_t module) {
    auto [known, fresh] = purls_.try_emplace(module);
    if (fresh) known->second = find_purl(module);
    return known->second;
  }

  // The functions from the start to the call, innermost first.
  std::vector<std::string> way_to(Node maker) {
    std::vector<std::string> way;
    for (auto [node, how] : analysis_.closure().path_to(maker))
      way.push_back(purl_of(analysis_.program().module_of(node)) + "|" + analysis_.program().name_of(node));
    std::reverse(way.begin(), way.end());
    return way;
  }

  void add(const MatrixRow& row, Phase phase, std::map<int, Node>& makers, Profile& profile);

 private:
  std::string find_purl(uint32_t module) {
    const std::string& path = analysis_.program().modules()[module].path;
    LibraryId id = module == 0 ? resolver_.resolve_executable(path) : resolver_.resolve_native(path).library;
    const std::string& purl = table_.at(id).purl;
    if (purl.starts_with("pkg:")) return purl;
    return Purl{"generic", "", std::string(name_of(path)), ""}.text();
  }

  const Analysis& analysis_;
  LibraryTable table_;
  Resolver resolver_;
  std::map<uint32_t, std::string> purls_;
};

// One observation of each call has a sample of a stack: a witness. It is taken out of `makers`.
void ProfileMaker::add(const MatrixRow& row, Phase phase, std::map<int, Node>& makers, Profile& profile) {
  Observation seen;
  seen.caller = seen.direct = purl_of(row.module);
  seen.libraries = {seen.caller};
  seen.program = analysis_.options().program;
  seen.count = 1;
  seen.phase = phase;
  if (row.module == 0) {
    seen.direct += " " + std::string(kProgramFunction);
    seen.direct_function = kProgramFunction;
  }
  for (size_t call = 0; call < row.calls.size(); call++) {
    if (!row.calls.test(call)) continue;
    auto maker = makers.extract(static_cast<int>(call));
    if (!maker.empty()) seen.stack = way_to(maker.mapped());
    for (Right right : rights_of_call(static_cast<int>(call))) {
      seen.right = right;
      profile.observations.push_back(seen);
      seen.stack.clear();
    }
  }
}

}  // namespace

Profile profile_of(const Targets& targets, double seconds) {
  Profile profile;
  profile.target.command = {targets.name};
  profile.target.kernel = kernel_release();
  profile.target.runtimes = {"static"};
  profile.target.everyday = true;
  uint64_t unknown = 0, missing = 0;
  for (const auto& analysis : targets.analyses) {
    ProfileMaker maker(*analysis);
    for (Phase phase : kEveryPhase) {
      analysis->show_serving(phase == Phase::kServing);
      std::map<int, Node> makers;
      if (phase == Phase::kInit || analysis->knows_serving()) makers = analysis->nearest_makers();
      for (const MatrixRow& row : analysis->matrix()) maker.add(row, phase, makers, profile);
    }
    analysis->show_serving(false);
    for (const UnresolvedSite& site : analysis->unresolved()) unknown += site.reviewed ? 0 : 1;
    missing += analysis->not_found().size();
  }
  profile.completeness["missing_libraries"] = missing;
  profile.completeness["unknown_calls"] = unknown;
  profile.runs.push_back({utc_timestamp(unix_milliseconds_now()), seconds, calls_of(targets).count(),
                          std::string("libguard " LIBGUARD_VERSION " analyze (static)")});
  profile.derive();
  return profile;
}

}  // namespace libguard
