// SPDX-License-Identifier: Apache-2.0
// The verbs of libguard, in the order of `libguard --help`.
//
// Way:     what the user types -> one of these.
// Thread:  main thread.
// Failure: see verb.h.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"

namespace libguard {

// `command`: the words behind "--"; outlives the call.
void add_record(CLI::App& app, Verbs& verbs, const std::vector<std::string>& command);
void add_run(CLI::App& app, Verbs& verbs, const std::vector<std::string>& command);
void add_policy(CLI::App& app, Verbs& verbs);
void add_report(CLI::App& app, Verbs& verbs);
void add_explain(CLI::App& app, Verbs& verbs);
void add_export(CLI::App& app, Verbs& verbs);
void add_merge(CLI::App& app, Verbs& verbs);
void add_analyze(CLI::App& app, Verbs& verbs);
void add_status(CLI::App& app, Verbs& verbs);
void add_phase(CLI::App& app, Verbs& verbs);
void add_adopt(CLI::App& app, Verbs& verbs);
void add_end(CLI::App& app, Verbs& verbs);
void add_doctor(CLI::App& app, Verbs& verbs);
void add_supervise(CLI::App& app, Verbs& verbs);  // hidden: the detached supervisor

}  // namespace libguard
