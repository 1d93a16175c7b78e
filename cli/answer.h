// SPDX-License-Identifier: Apache-2.0
// How the verbs that answer questions end: the answer on stdout, talk on stderr, exit codes like diff.
//
// Way:     what the user types -> one verb -> its answer.
// Thread:  main thread.
// Failure: trouble() prints one line with a hint and answers 2; so does an answer that cannot be written.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/event/event.h"
#include "core/policy/policy.h"
#include "core/profile/profile.h"

namespace libguard {

enum Answer { kYes = 0, kNo = 1, kTrouble = 2 };

int trouble(const Error& error);
// All that was printed must have arrived: `code`, or the trouble. Asked once a verb has printed its last.
int printed(int code);
// Writes to stdout; answers `code`.
int answer(const std::string& text, int code);
// Writes to the file, or to stdout if it is "" or "-"; answers `code`.
int answer_to(const std::string& path, const std::string& text, int code);

enum class FileKind { kProfile, kPolicy, kEvents };
// What kind of file is it? By its content; profiles and policies say what they are, the rest is taken for events if
// its first line is a JSON object with a "kind".
Result<FileKind> kind_of_file(const std::string& path);

}  // namespace libguard
