// SPDX-License-Identifier: Apache-2.0
// The words for ServingStart.
//
// Way:     see serving_start.h.
// Thread:  see serving_start.h.
// Failure: see serving_start.h.
#include "core/policy/serving_start.h"

#include <charconv>

namespace libguard {
namespace {

constexpr std::string_view kListenPrefix = "listen:", kFunctionPrefix = "function:";
constexpr int kLongest = 99999;  // seconds; five digits, as the schemas say

}  // namespace

std::optional<ServingStart> find_serving_start(std::string_view text) {
  ServingStart start;
  if (text.empty()) return start;
  if (text == "auto") start.kind = ServingStart::kAuto;
  if (text == "ready") start.kind = ServingStart::kReady;
  if (text == "quiescence") start.kind = ServingStart::kQuiescence;
  if (text.starts_with(kListenPrefix)) {
    text.remove_prefix(kListenPrefix.size());
    int seconds = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds > kLongest) return {};
    start.kind = ServingStart::kListen;
    start.after_listen = std::chrono::seconds(seconds);
  } else if (text.starts_with(kFunctionPrefix)) {
    start.function = text.substr(kFunctionPrefix.size());
    if (start.function.empty()) return {};
    start.kind = ServingStart::kFunction;
  }
  if (start.kind == ServingStart::kTold) return {};
  return start;
}

}  // namespace libguard
