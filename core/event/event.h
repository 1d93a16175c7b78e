// SPDX-License-Identifier: Apache-2.0
// Event: one fact that a guard tells: load, fork, exec, exit, phase, deviation, lost.
//
// Way:     events -> stack -> verdict -> *action*: what people and machines read afterwards.
// Thread:  plain value; writers serialise themselves.
// Failure: parse errors name line and key. Schema: docs/formats/event.schema.json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace libguard {

struct EventFrame {
  std::string purl;   // or a fixed name: application, runtime, startup, unknown
  std::string frame;  // "requests.sessions.Session.request"; "" when it has no name
  bool operator==(const EventFrame&) const = default;
};

// One frame of native code, where there are no frames of libraries.
struct NativePlace {
  std::string function, file;  // exported name, symbol, or sub_ADDRESS
  bool operator==(const NativePlace&) const = default;
};

// A refused attempt to get around the guard: not judged, so no grant allows it.
inline constexpr std::string_view kTamperRole = "tamper";

struct Culprit {
  std::string purl;
  std::string role;  // "caller", "stack", "spawned", "function"; "process": not on the whitelist; kTamperRole
  bool operator==(const Culprit&) const = default;
};

struct Event {
  std::string time;    // RFC 3339, UTC, milliseconds
  std::string id;      // 12 hex digits, stable for (library, right, stack)
  std::string kind;    // "deviation", "load", "fork", "exec", "exit", "phase", "lost"
  std::string mode;    // "observe", "detect", "enforce"
  std::string action;  // "deny", "log", "kill", "" for other kinds
  std::string phase;   // "init", "serving"
  std::string role;    // role of `library` among the culprits
  std::string host;
  int pid = 0, tid = 0;
  std::string exe;
  std::string library_purl, library_path;  // the innermost culprit
  std::vector<Culprit> culprits;
  std::string caller;
  std::vector<EventFrame> stack;    // innermost first, consecutive equal entries merged
  std::vector<NativePlace> native;  // innermost first; of a native program's call that is not on the whitelist
  std::string right_name, right_group;
  int right_nr = -1;  // system call number; -1 for runtime operations
  std::string policy_digest;
  std::string grant;   // entry of policy that would allow it, one line per culprit; Rules::grant_line() makes it
  uint64_t count = 1;  // repeats of the same id until now
  uint64_t lost = 0;
  std::string message;  // of a deviation: what to do where no grant can help; of other kinds: what happened
  bool operator==(const Event&) const = default;
};

// Is this a frame of the runtime's import machinery? For people runs of them are one: kImportFrames.
bool is_import_frame(std::string_view purl, std::string_view frame);
inline constexpr std::string_view kImportFrames = "(import)";
// Was it the call of a program as a whole? Its stack is one entry without a name.
bool is_native_program(const Event& event);
// How the message of a refused write begins.
inline constexpr std::string_view kProtectedFile = "write to a protected file";

std::string event_id(const Event& event);      // from library, right, stack
std::string to_json_line(const Event& event);  // one line, no newline; never fails, whatever bytes the names hold
Result<Event> parse_event(std::string_view json_line);
// All events of a JSONL text. A last line without its newline that cannot be read was being written: left out.
Result<std::vector<Event>> parse_events(std::string_view text, std::string_view name);
Result<std::vector<Event>> load_events(const std::string& path);
// The events once per id, in order of first appearance, each with its highest count and all culprits.
std::vector<Event> distinct_deviations(const std::vector<Event>& events);
std::string to_text_line(const Event& event);  // for people: culprits, caller, right, stack, on one line

}  // namespace libguard
