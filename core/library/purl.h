// SPDX-License-Identifier: Apache-2.0
// Package URLs, as far as libguard names libraries with them: pkg:type/namespace/name@version.
//
// Way:     names of libraries in profile, policy and events.
// Thread:  pure functions.
// Failure: a text that is no purl is an Error with a hint.
// Source:  github.com/package-url/purl-spec. Qualifiers and subpath are read and left out: they name no other library.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace libguard {

struct Purl {
  std::string type;          // "pypi", "deb", "generic", "maven"
  std::string name_space;    // "debian", may be empty; segments separated by '/'
  std::string name;          // normalised for the type (pypi: lower case, runs of '-', '_' and '.' -> '-')
  std::string version;       // may be empty: any
  std::string text() const;  // canonical, percent-encoded
  std::string without_version() const;
};

Result<Purl> parse_purl(std::string_view text);
Purl make_pypi_purl(std::string_view name, std::string_view version);

// The name as PyPI compares names: "Foo.Bar_baz" -> "foo-bar-baz".
std::string normalise_pypi_name(std::string_view name);

// The purl text without its version: "pkg:pypi/requests@2.31.0" -> "pkg:pypi/requests". Other texts unchanged.
std::string strip_version(std::string_view purl);

}  // namespace libguard
