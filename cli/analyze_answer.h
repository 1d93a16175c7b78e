// SPDX-License-Identifier: Apache-2.0
// What `libguard analyze` answers: text and JSON of an analysis.
//
// Way:     analysis -> *answer*.
// Thread:  main thread.
// Failure: none.
#pragma once

#include <string>
#include <vector>

#include "cli/analyze_targets.h"
#include "core/profile/profile.h"

namespace libguard {

std::string call_name(int call);  // "openat", "syscall:999"
CallSet calls_of(const Targets& targets);
std::string calls_text(const Targets& targets, double seconds);
std::string matrix_text(const Targets& targets);
std::string matrix_json(const Targets& targets);
// The shortest witnesses, at most `limit` of them.
std::string why_text(const Targets& targets, int call, size_t limit);
std::string why_json(const Targets& targets, int call);
std::string exports_text(const std::string& library, const std::vector<ExportRow>& rows);
std::string exports_json(const std::string& library, const std::vector<ExportRow>& rows);
// The matrix as observations in both phases: who could make which call. Marked as static in `runs`.
Profile profile_of(const Targets& targets, double seconds);
// What limits the answer, one line each: missing libraries, calls whose number is not known.
std::vector<std::string> limits_of(const Targets& targets);

}  // namespace libguard
