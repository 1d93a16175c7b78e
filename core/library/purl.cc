// SPDX-License-Identifier: Apache-2.0
// Reading and writing of package URLs.
//
// Way:     see purl.h.
// Thread:  pure functions.
// Failure: Error with the text and what a purl looks like.
#include "core/library/purl.h"

#include <algorithm>

namespace libguard {
namespace {

constexpr std::string_view kScheme = "pkg:";
constexpr const char* kHint = "a package URL looks like pkg:pypi/requests@2.31.0 or pkg:deb/debian/git";

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

// The characters that the specification leaves as they are; the colon is never encoded.
bool stays(char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == '~' || c == ':'; }

std::string encode(std::string_view text, bool keep_slash) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string result;
  for (char c : text) {
    if (stays(c) || (keep_slash && c == '/')) {
      result += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      result += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return result;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool decode(std::string_view text, std::string& result) {
  result.clear();
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return false;
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

bool is_type(std::string_view text) {
  if (text.empty() || is_digit(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '+' || c == '-'; });
}

tl::unexpected<Error> bad(std::string_view text, const std::string& what) {
  return fail(Code::kInvalid, "'" + std::string(text) + "' is no package URL: " + what, kHint);
}

void normalise(Purl& purl) {
  if (purl.type == "pypi") purl.name = normalise_pypi_name(purl.name);
  if (purl.type == "deb" || purl.type == "rpm") purl.name_space = lowered(purl.name_space);
  if (purl.type == "deb" || purl.type == "github") purl.name = lowered(purl.name);
}

// "a/b/c" -> decoded namespace "a/b" and name "c"; empty segments vanish.
bool split_path(std::string_view path, Purl& purl) {
  std::string segment;
  while (!path.empty()) {
    size_t slash = path.find('/');
    if (!decode(path.substr(0, slash), segment)) return false;
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (segment.empty()) continue;
    if (!purl.name.empty()) purl.name_space += (purl.name_space.empty() ? "" : "/") + purl.name;
    purl.name = segment;
  }
  return true;
}

}  // namespace

std::string Purl::without_version() const {
  std::string result = std::string(kScheme) + type + "/";
  if (!name_space.empty()) result += encode(name_space, true) + "/";
  return result + encode(name, false);
}

std::string Purl::text() const {
  return version.empty() ? without_version() : without_version() + "@" + encode(version, false);
}

Result<Purl> parse_purl(std::string_view text) {
  if (lowered(text.substr(0, kScheme.size())) != kScheme) return bad(text, "it does not start with 'pkg:'");
  std::string_view rest = text.substr(kScheme.size());
  rest = rest.substr(0, rest.find('#'));
  rest = rest.substr(0, rest.find('?'));
  while (rest.starts_with('/')) rest.remove_prefix(1);
  size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return bad(text, "it has no name");
  Purl purl;
  purl.type = lowered(rest.substr(0, slash));
  if (!is_type(purl.type)) return bad(text, "'" + purl.type + "' is no type");
  rest.remove_prefix(slash + 1);
  size_t at = rest.rfind('@');
  if (at != std::string_view::npos && rest.find('/', at) == std::string_view::npos) {
    if (!decode(rest.substr(at + 1), purl.version)) return bad(text, "a '%' is not followed by two hex digits");
    rest = rest.substr(0, at);
  }
  if (!split_path(rest, purl)) return bad(text, "a '%' is not followed by two hex digits");
  if (purl.name.empty()) return bad(text, "it has no name");
  normalise(purl);
  return purl;
}

std::string normalise_pypi_name(std::string_view name) {
  std::string result;
  for (char c : name) {
    bool separator = c == '-' || c == '_' || c == '.';
    if (!separator) {
      result += lower(c);
    } else if (result.empty() || result.back() != '-') {
      result += '-';
    }
  }
  return result;
}

Purl make_pypi_purl(std::string_view name, std::string_view version) {
  return Purl{"pypi", "", normalise_pypi_name(name), std::string(version)};
}

std::string strip_version(std::string_view purl) {
  if (!purl.starts_with(kScheme)) return std::string(purl);
  std::string_view rest = purl.substr(0, std::min(purl.find('?'), purl.find('#')));
  size_t at = rest.rfind('@');
  if (at == std::string_view::npos || rest.find('/', at) != std::string_view::npos) return std::string(rest);
  return std::string(rest.substr(0, at));
}

}  // namespace libguard
