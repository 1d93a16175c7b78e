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

  std::string purl_of(uint32_t module) {
    const std::string& path = analysis_.program().modules()[module].path;
    LibraryId id = module == 0 ? resolver_.resolve_executable(path) : resolver_.resolve_native(path).library;
    const std::string& purl = table_.at(id).purl;
    if (purl.starts_with("pkg:")) return purl;
    return Purl{"generic", "", std::string(name_of(path)), ""}.text();
  }

  void add(const MatrixRow& row, Phase phase, Profile& profile) {
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
      for (Right right : rights_of_call(static_cast<int>(call))) {
        seen.right = right;
        profile.observations.push_back(seen);
      }
    }
  }

 private:
  const Analysis& analysis_;
  LibraryTable table_;
  Resolver resolver_;
};

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
      for (const MatrixRow& row : analysis->matrix()) maker.add(row, phase, profile);
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
