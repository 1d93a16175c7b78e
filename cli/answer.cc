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

namespace {

// `error`: of the last piece; 0 if it went well.
int outcome(int error, int code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  if (error == 0) error = errno;  // 0: an earlier piece was lost
  std::string what = "cannot write to standard output";
  if (error != 0) what += std::string(": ") + std::strerror(error);
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  std::clearerr(stdout);
  return trouble({Code::kIo, what, full ? "free space on that disk" : "is that disk full, or nobody left to read?"});
}

}  // namespace

int printed(int code) { return outcome(0, code); }

int answer(const std::string& text, int code) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return outcome(written ? 0 : errno, code);
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
