// SPDX-License-Identifier: Apache-2.0
// Explain: deviations and policies in plain words.
//
// Way:     after the *action*: what happened, why, and what would allow it.
// Thread:  pure functions.
// Failure: none.
#pragma once

#include <string>

#include "core/policy/policy.h"

namespace libguard {

std::string explain_event(const Event& event);       // several lines of text
std::string explain_event_json(const Event& event);  // the event with meaning, advice and warning; one object

// What to do about an event without a grant line, in one line.
std::string advice_without_grant(const Event& event);

// Effective rights with their origin, one block per library; `library`: only this one (version optional).
Result<std::string> explain_rules(const Rules& rules, const std::string& library);
Result<std::string> explain_rules_json(const Rules& rules, const std::string& library);

}  // namespace libguard
