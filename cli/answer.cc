// SPDX-License-Identifier: Apache-2.0
// Answers and troubles of the verbs that ask.
//
// Way:     see answer.h.
// Thread:  main thread.
// Failure: see answer.h.
#include "cli/answer.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/guard_flags.h"
#include "core/base/file.h"

namespace libguard {

int trouble(const Error& error) {
  print_error(error);
  return kTrouble;
}

int answer(const std::string& text, int code) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return code;
  return trouble({Code::kIo, std::string("cannot write to standard output: ") + std::strerror(errno),
                  "is the reader of the pipe still there?"});
}

int answer_to(const std::string& path, const std::string& text, int code) {
  if (path.empty() || path == "-") return answer(text, code);
  Status written = write_file_atomically(path, text);
  return written ? code : trouble(written.error());
}

Result<FileKind> kind_of_file(const std::string& path) {
  auto bytes = read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  std::string_view head = std::string_view(*bytes).substr(0, 4096);
  if (head.find("\"libguard-profile\"") != std::string_view::npos) return FileKind::kProfile;
  std::string_view line = head.substr(0, head.find('\n'));
  if (line.rfind("{", 0) == 0 && line.find("\"kind\"") != std::string_view::npos) return FileKind::kEvents;
  if (bytes->empty()) return FileKind::kEvents;  // no event was told
  return FileKind::kPolicy;
}

}  // namespace libguard
