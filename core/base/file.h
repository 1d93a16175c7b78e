// SPDX-License-Identifier: Apache-2.0
// Whole files: read, replace atomically, fingerprint.
//
// Way:     profiles, policies, events around the judging.
// Thread:  any.
// Failure: Error with path and reason; a failed write leaves the old file as it was and nothing beside it.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace libguard {

// The file's bytes; at most `limit` of them (default 256 MiB), larger files are an Error.
Result<std::string> read_file(const std::string& path, size_t limit = size_t{256} << 20);

// Written beside, synced, renamed over `path`, or over what its symbolic links lead to. Mode 0644 less the umask.
// A device or a FIFO is written into, and is not replaced. kForTheMoment: not synced; for what means nothing once the
// machine has stopped, because waiting for a disk takes milliseconds.
enum class Lasting { kForGood, kForTheMoment };
Status write_file_atomically(const std::string& path, std::string_view bytes, Lasting lasting = Lasting::kForGood);

// SHA-256, 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace libguard
