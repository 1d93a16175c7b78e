// SPDX-License-Identifier: Apache-2.0
// Identity and one-line text of events.
//
// Way:     see event.h.
// Thread:  pure functions.
// Failure: none.
#include "core/event/event.h"

#include <algorithm>
#include <map>

#include "core/base/file.h"
#include "core/event/format.h"

namespace libguard {
namespace {

constexpr size_t kFramesInLine = 6;

std::string name_of(const EventFrame& frame) { return printable(frame.frame.empty() ? frame.purl : frame.frame, 120); }

std::string stack_text(const Event& event) {
  std::string text;
  size_t shown = 0, at = 0;
  for (; at < event.stack.size() && shown < kFramesInLine; shown++) {
    const EventFrame& frame = event.stack[at++];
    const bool imports = is_import_frame(frame.purl, frame.frame);
    while (imports && at < event.stack.size() && is_import_frame(event.stack[at].purl, event.stack[at].frame)) at++;
    text += (shown ? " < " : "") + (imports ? std::string(kImportFrames) : name_of(frame));
  }
  if (at < event.stack.size()) text += " < … " + std::to_string(event.stack.size() - at) + " more";
  return text;
}

std::string culprits_text(const Event& event) {
  std::string text;
  for (const Culprit& culprit : event.culprits)
    text += (text.empty() ? "" : ", ") + printable(culprit.purl, 120) + " (" + printable(culprit.role, 16) + ")";
  return text.empty() ? printable(event.library_purl, 120) : text;
}

}  // namespace

bool is_import_frame(std::string_view purl, std::string_view frame) {
  if (purl != "runtime") return false;
  for (std::string_view module :
       {"importlib._bootstrap.", "importlib._bootstrap_external.", "_frozen_importlib.", "_frozen_importlib_external."})
    if (frame.starts_with(module)) return true;
  return false;
}

bool is_native_program(const Event& event) {
  return event.stack.size() == 1 && event.stack.front().frame.empty() && !event.exe.empty() &&
         event.library_path == event.exe && event.stack.front().purl == event.library_purl;
}

std::string event_id(const Event& event) {
  // '\0' parts fields, so that no two different events have the same text.
  std::string text = event.library_purl + '\0' + event.right_name;
  for (const EventFrame& frame : event.stack) text += '\0' + frame.purl + '\0' + frame.frame;
  if (event.role == kTamperRole) text += '\0' + event.message;  // what was tried, which the right does not tell
  return sha256_hex(text).substr(0, 12);
}

std::vector<Event> distinct_deviations(const std::vector<Event>& events) {
  std::vector<Event> distinct;
  std::map<std::string, size_t> place;
  for (const Event& event : events) {
    if (event.kind != "deviation") continue;
    auto [found, fresh] = place.emplace(event.id, distinct.size());
    if (fresh) {
      distinct.push_back(event);
      continue;
    }
    Event& kept = distinct[found->second];
    kept.count = std::max(kept.count, event.count);
    for (const Culprit& culprit : event.culprits)
      if (std::find(kept.culprits.begin(), kept.culprits.end(), culprit) == kept.culprits.end())
        kept.culprits.push_back(culprit);
  }
  return distinct;
}

std::string to_text_line(const Event& event) {
  if (event.kind != "deviation") {
    std::string text = event.kind;
    if (event.pid > 0) text += " pid " + std::to_string(event.pid);
    if (!event.message.empty()) text += ": " + printable(event.message);
    return text;
  }
  std::string done = event.action == "deny" ? "denied" : event.action == "kill" ? "killed" : "would deny";
  std::string text = done + " " + printable(event.right_name, 80) + " (" + printable(event.right_group, 40) + ") by " +
                     culprits_text(event);
  if (event.role == kTamperRole) text += ": " + printable(event.message, 200);
  text += "; caller " + printable(event.caller, 120);
  if (!event.stack.empty()) text += "; stack " + stack_text(event);
  if (event.count > 1) text += "; " + std::to_string(event.count) + " times";
  return text + " [" + event.id + "]";
}

}  // namespace libguard
