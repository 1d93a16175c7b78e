// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or an Error that says what went wrong and what the user can do about it.
//
// Way:     every folder's way of saying "this failed"; outcomes (denied, exited 3) are data, not errors.
// Thread:  plain values.
// Failure: this is it. No Error without a hint; no exception crosses a folder.
//
//   Result<Profile> load(path);                      auto p = load(path); if (!p) return tl::unexpected(p.error());
//   return fail(Code::kInvalid, "policy.yaml:3: unknown key 'grants'", "did you mean 'grant'?");
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace libguard {

enum class Code {
  kInvalid,      // the input is wrong (file, flag, message)
  kNotFound,     // a named thing does not exist
  kUnsupported,  // this kernel, runtime or version cannot do it
  kDenied,       // the operating system refused
  kIo,           // reading or writing failed
  kLimit,        // a documented limit was exceeded
};

struct Error {
  Code code;
  std::string what;  // one line, names the file, flag or thing
  std::string hint;  // one line, what to do
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(Code code, std::string what, std::string hint) {
  return tl::unexpected<Error>(Error{code, std::move(what), std::move(hint)});
}

}  // namespace libguard
