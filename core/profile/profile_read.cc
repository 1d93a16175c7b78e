// SPDX-License-Identifier: Apache-2.0
// Reads profiles and proves that what they claim per library follows from what was seen.
//
// Way:     recording -> *profile* -> policy.
// Thread:  pure functions.
// Failure: one Error with file and place; nothing is half read.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/event/format.h"
#include "core/profile/profile.h"

namespace libguard {
namespace {

using nlohmann::json;

constexpr const char* kMachineWritten =
    "profiles are written by 'libguard record' and 'libguard merge'; never edit them";

std::vector<std::string> names(const json& object, const char* key) {
  auto found = object.find(key);
  return found == object.end() ? std::vector<std::string>() : found->get<std::vector<std::string>>();
}

Result<Right> read_right(const json& value, const std::string& place) {
  std::string name = value.get<std::string>();
  if (auto right = find_right(name)) return *right;
  auto near = suggest(name);
  return fail(Code::kInvalid, place + ": unknown right '" + printable(name, 80) + "'",
              near ? "did you mean '" + *near + "'?" : "it may be of a newer libguard");
}

Result<RightSet> read_rights(const json& list, const std::string& place) {
  RightSet set;
  for (const json& value : list) {
    auto right = read_right(value, place);
    if (!right) return tl::unexpected(right.error());
    set.add(*right);
  }
  return set;
}

Result<Observation> read_observation(const json& object, const std::string& place) {
  Observation seen;
  auto right = read_right(object.at("right"), place + ".right");
  if (!right) return tl::unexpected(right.error());
  seen.right = *right;
  seen.caller = object.at("caller").get<std::string>();
  seen.direct = object.at("direct").get<std::string>();
  seen.direct_function = object.value("function", "");
  seen.libraries = names(object, "libraries");
  seen.spawners = names(object, "spawners");
  seen.program = object.value("program", "");
  seen.phase = object.at("phase") == "init" ? Phase::kInit : Phase::kServing;
  seen.count = object.at("count").get<uint64_t>();
  seen.stack = names(object, "stack");
  return seen;
}

// The schema has proved that these are hexadecimal.
uint64_t read_address(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 16); }

Profile::CodeAddresses read_addresses(const json& object, const char* key) {
  Profile::CodeAddresses files;
  auto found = object.find(key);
  if (found == object.end()) return files;
  for (const auto& [file, addresses] : found->items())
    for (const json& address : addresses) files[file].insert(read_address(address.get<std::string>()));
  return files;
}

Profile::Serving read_serving(const json& object) {
  Profile::Serving serving;
  if (auto stacks = object.find("stacks"); stacks != object.end()) {
    for (const json& stack : *stacks) {
      std::vector<Profile::CodeAddress> frames;
      for (const std::string& frame : stack.get<std::vector<std::string>>()) {
        const size_t plus = frame.rfind('+');
        frames.emplace_back(frame.substr(0, plus), read_address(frame.substr(plus + 1)));
      }
      serving.stacks.insert(std::move(frames));
    }
  }
  serving.functions = read_addresses(object, "functions");
  serving.pointers = read_addresses(object, "pointers");
  serving.data = read_addresses(object, "data");
  return serving;
}

void read_facts(const json& document, Profile& profile) {
  if (auto target = document.find("target"); target != document.end()) {
    profile.target.command = names(*target, "command");
    profile.target.arch = target->value("arch", profile.target.arch);
    profile.target.kernel = target->value("kernel", "");
    profile.target.runtimes = names(*target, "runtimes");
    profile.target.serving_starts = target->value("serving_starts", "");
    profile.target.masters = names(*target, "masters");
    profile.target.data = names(*target, "data");
    profile.target.everyday = target->value("everyday", false);
  }
  if (auto code = document.find("code"); code != document.end())
    profile.code = code->get<std::map<std::string, std::set<std::string>>>();
  if (auto serving = document.find("serving"); serving != document.end())
    for (const auto& [program, object] : serving->items()) profile.serving[program] = read_serving(object);
  if (auto losses = document.find("completeness"); losses != document.end())
    profile.completeness = losses->get<std::map<std::string, uint64_t>>();
  if (auto runs = document.find("runs"); runs != document.end())
    for (const json& run : *runs)
      profile.runs.push_back({run.value("started", ""), run.value("seconds", 0.0), run.value("calls", uint64_t{0}),
                              run.value("tool", "")});
}

// What the file says per library (or per executable) must be what its observations say.
template <class Derived, class Read>
Status compare(const json& document, const char* key, const Derived& derived, const std::string& name, Read read) {
  auto section = document.find(key);
  if (section == document.end()) return {};
  Derived said;
  for (const auto& [owner, value] : section->items()) {
    std::string place = name + ": " + key + "." + printable(owner, 120);
    Status status = read(value, place, said[owner]);
    if (!status) return status;
    auto found = derived.find(owner);
    if (found == derived.end() || found->second != said[owner])
      return fail(Code::kInvalid, place + " does not follow from the observations", kMachineWritten);
  }
  for (const auto& [owner, unused] : derived)
    if (said.find(owner) == said.end())
      return fail(Code::kInvalid, name + ": " + key + "." + printable(owner, 120) + " is missing", kMachineWritten);
  return {};
}

Status read_set_into(const json& list, const std::string& place, RightSet& set) {
  auto rights = read_rights(list, place);
  if (!rights) return tl::unexpected(rights.error());
  set = *rights;
  return {};
}

Status read_library(const json& phases, const std::string& place, Profile::Rights& said) {
  for (Phase phase : kEveryPhase) {
    auto roles = phases.find(phase_name(phase));
    if (roles == phases.end()) continue;
    for (Role role : kEveryRole) {
      auto list = roles->find(role_name(role));
      if (list == roles->end()) continue;
      Status status = read_set_into(*list, place, said[phase][role]);
      if (!status) return status;
    }
  }
  return {};
}

Status read_process(const json& phases, const std::string& place, std::map<Phase, RightSet>& said) {
  for (Phase phase : kEveryPhase) {
    auto list = phases.find(phase_name(phase));
    if (list == phases.end()) continue;
    Status status = read_set_into(*list, place, said[phase]);
    if (!status) return status;
  }
  return {};
}

Result<Profile> from_json(const json& document, const std::string& name) {
  Profile profile;
  read_facts(document, profile);
  size_t index = 0;
  for (const json& object : document.at("observations")) {
    auto seen = read_observation(object, name + ": observations[" + std::to_string(index++) + "]");
    if (!seen) return tl::unexpected(seen.error());
    profile.observations.push_back(std::move(*seen));
  }
  profile.derive();
  Status libraries = compare(document, "libraries", profile.libraries, name, read_library);
  if (!libraries) return tl::unexpected(libraries.error());
  Status processes = compare(document, "processes", profile.processes, name, read_process);
  if (!processes) return tl::unexpected(processes.error());
  return profile;
}

}  // namespace

Result<Profile> parse_profile(std::string_view text, std::string_view name) {
  std::string file(name);
  auto document = parse_json(text, name);
  if (!document) return tl::unexpected(document.error());
  if (document->is_object() && !document->contains("format") && document->contains("mode"))
    return fail(Code::kInvalid, file + " is a policy, not a profile", "name the profile that 'libguard record' wrote");
  if (auto wrong = check_format(Format::kProfile, *document)) {
    std::string place = place_text(wrong->pointer);
    return fail(Code::kInvalid, file + ": " + (place.empty() ? "" : place + ": ") + wrong->what, wrong->hint);
  }
  try {
    return from_json(*document, file);
  } catch (const json::exception& error) {
    return fail(Code::kInvalid, file + ": " + printable(error.what(), 200), kMachineWritten);
  }
}

Result<Profile> load_profile(const std::string& path) {
  auto bytes = read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  return parse_profile(*bytes, path);
}

}  // namespace libguard
