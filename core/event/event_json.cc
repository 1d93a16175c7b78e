// SPDX-License-Identifier: Apache-2.0
// Events as JSON lines: keys without a value are left out.
//
// Way:     see event.h.
// Thread:  pure functions.
// Failure: see event.h.
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/event/event.h"
#include "core/event/format.h"

namespace libguard {
namespace {

using json = nlohmann::json;
using nlohmann::ordered_json;

void put(ordered_json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

ordered_json right_of(const Event& event) {
  ordered_json right{{"name", event.right_name}, {"group", event.right_group}};
  if (event.right_nr >= 0) right["nr"] = event.right_nr;
  return right;
}

std::string text(const json& object, const char* key) {
  auto found = object.find(key);
  return found == object.end() ? std::string() : found->get<std::string>();
}

Result<int> small_number(const json& object, const char* key, int missing) {
  auto found = object.find(key);
  if (found == object.end()) return missing;
  auto value = found->get<uint64_t>();
  if (value > static_cast<uint64_t>(std::numeric_limits<int>::max()))
    return fail(Code::kInvalid, std::string(key) + ": number too large", "expected a number below 2147483648");
  return static_cast<int>(value);
}

void read_parts(const json& object, Event& event) {
  if (auto library = object.find("library"); library != object.end()) {
    event.library_purl = text(*library, "purl");
    event.library_path = text(*library, "path");
  }
  if (auto culprits = object.find("culprits"); culprits != object.end())
    for (const json& culprit : *culprits) event.culprits.push_back({text(culprit, "purl"), text(culprit, "role")});
  if (auto stack = object.find("stack"); stack != object.end())
    for (const json& frame : *stack) event.stack.push_back({text(frame, "purl"), text(frame, "frame")});
  if (auto native = object.find("native"); native != object.end())
    for (const json& place : *native) event.native.push_back({text(place, "function"), text(place, "file")});
  if (auto policy = object.find("policy"); policy != object.end()) {
    event.policy_digest = text(*policy, "digest");
    event.grant = text(*policy, "grant");
  }
}

Result<Event> from_json(const json& object) {
  Event event;
  event.time = text(object, "time");
  event.id = text(object, "id");
  event.kind = text(object, "kind");
  event.mode = text(object, "mode");
  event.action = text(object, "action");
  event.phase = text(object, "phase");
  event.role = text(object, "role");
  event.host = text(object, "host");
  event.exe = text(object, "exe");
  event.caller = text(object, "caller");
  event.message = text(object, "message");
  event.count = object.value("count", uint64_t{1});
  event.lost = object.value("lost", uint64_t{0});
  read_parts(object, event);
  Result<int> pid = small_number(object, "pid", 0), tid = small_number(object, "tid", 0), nr = -1;
  if (auto right = object.find("right"); right != object.end()) {
    event.right_name = text(*right, "name");
    event.right_group = text(*right, "group");
    nr = small_number(*right, "nr", -1);
  }
  for (const Result<int>* number : {&pid, &tid, &nr})
    if (!*number) return tl::unexpected(number->error());
  event.pid = *pid;
  event.tid = *tid;
  event.right_nr = *nr;
  if (event.kind == "deviation" && (event.id.empty() || event.right_name.empty()))
    return fail(Code::kInvalid, "a deviation without id or right", "the line may come from another tool");
  return event;
}

}  // namespace

std::string to_json_line(const Event& event) {
  ordered_json object;
  object["time"] = event.time;
  put(object, "id", event.id);
  object["kind"] = event.kind;
  put(object, "mode", event.mode);
  put(object, "action", event.action);
  put(object, "phase", event.phase);
  put(object, "role", event.role);
  put(object, "host", event.host);
  if (event.pid > 0) object["pid"] = event.pid;
  if (event.tid > 0) object["tid"] = event.tid;
  put(object, "exe", event.exe);
  if (!event.library_purl.empty()) {
    object["library"]["purl"] = event.library_purl;
    put(object["library"], "path", event.library_path);
  }
  for (const Culprit& culprit : event.culprits)
    object["culprits"].push_back(ordered_json{{"purl", culprit.purl}, {"role", culprit.role}});
  put(object, "caller", event.caller);
  for (const EventFrame& frame : event.stack) {
    ordered_json entry{{"purl", frame.purl}};
    put(entry, "frame", frame.frame);
    object["stack"].push_back(std::move(entry));
  }
  for (const NativePlace& place : event.native)
    object["native"].push_back(ordered_json{{"function", place.function}, {"file", place.file}});
  if (!event.right_name.empty()) object["right"] = right_of(event);
  if (!event.policy_digest.empty()) object["policy"]["digest"] = event.policy_digest;
  if (!event.grant.empty()) object["policy"]["grant"] = event.grant;
  if (event.kind == "deviation" || event.count > 1) object["count"] = event.count;
  if (event.lost > 0) object["lost"] = event.lost;
  put(object, "message", event.message);
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<Event> parse_event(std::string_view json_line) {
  auto object = parse_json(json_line, "event");
  if (!object) return tl::unexpected(object.error());
  if (auto wrong = check_format(Format::kEvent, *object)) {
    std::string place = place_text(wrong->pointer);
    return fail(Code::kInvalid, (place.empty() ? "" : place + ": ") + wrong->what, wrong->hint);
  }
  try {
    return from_json(*object);
  } catch (const json::exception& error) {
    return fail(Code::kInvalid, printable(error.what(), 200), "the line may come from another tool");
  }
}

Result<std::vector<Event>> parse_events(std::string_view text_, std::string_view name) {
  std::vector<Event> events;
  size_t line = 0;
  while (!text_.empty()) {
    line++;
    size_t end = text_.find('\n');
    std::string_view one = text_.substr(0, end);
    bool complete = end != std::string_view::npos;
    text_.remove_prefix(complete ? end + 1 : text_.size());
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto event = parse_event(one);
    if (!event && !complete && line > 1) break;  // the guard is still writing it
    if (!event)
      return fail(event.error().code, std::string(name) + ":" + std::to_string(line) + ": " + event.error().what,
                  event.error().hint);
    events.push_back(std::move(*event));
  }
  return events;
}

Result<std::vector<Event>> load_events(const std::string& path) {
  auto bytes = read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  const std::string_view head = std::string_view(*bytes).substr(0, 4096);
  const bool is_profile = head.find("\"libguard-profile\"") != std::string_view::npos;
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (is_profile || (first != std::string_view::npos && head[first] != '{'))
    return fail(Code::kInvalid, path + (is_profile ? " is a profile, not events" : " holds no events"),
                "events are what 'libguard run --events FILE' writes, one JSON object a line");
  return parse_events(*bytes, path);
}

}  // namespace libguard
