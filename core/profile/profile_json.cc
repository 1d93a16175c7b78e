// SPDX-License-Identifier: Apache-2.0
// Writes profiles: one line per thing that can change, so that a diff shows what changed and nothing else.
//
// Way:     recording -> *profile* -> policy.
// Thread:  pure functions.
// Failure: save_profile() says why it could not write; the old file is then as it was.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/profile/profile.h"

namespace libguard {
namespace {

using nlohmann::ordered_json;

std::string line(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string names_line(const RightSet& set) {
  std::vector<std::string> names;
  for (Right right : set.rights()) names.push_back(right_name(right));
  std::sort(names.begin(), names.end());
  return line(names);
}

// "key": { one member per line }, at a depth; `members` are finished texts.
std::string block(const std::vector<std::string>& members, int depth, char open, char close) {
  if (members.empty()) return {open, close};
  std::string inner(static_cast<size_t>(depth + 1) * 2, ' '), outer(static_cast<size_t>(depth) * 2, ' ');
  std::string text(1, open);
  for (size_t i = 0; i < members.size(); i++) text += (i ? ",\n" : "\n") + inner + members[i];
  return text + "\n" + outer + close;
}

std::string member(std::string_view key, const std::string& value) { return line(std::string(key)) + ": " + value; }

std::string libraries_text(const Profile& profile) {
  std::vector<std::string> libraries;
  for (const auto& [library, phases] : profile.libraries) {
    std::vector<std::string> members;
    for (const auto& [phase, roles] : phases) {
      std::vector<std::string> lines;
      for (const auto& [role, rights] : roles) lines.push_back(member(role_name(role), names_line(rights)));
      members.push_back(member(phase_name(phase), block(lines, 3, '{', '}')));
    }
    libraries.push_back(member(library, block(members, 2, '{', '}')));
  }
  return block(libraries, 1, '{', '}');
}

std::string processes_text(const Profile& profile) {
  std::vector<std::string> processes;
  for (const auto& [executable, phases] : profile.processes) {
    std::vector<std::string> members;
    for (const auto& [phase, rights] : phases) members.push_back(member(phase_name(phase), names_line(rights)));
    processes.push_back(member(executable, block(members, 2, '{', '}')));
  }
  return block(processes, 1, '{', '}');
}

std::string code_text(const Profile& profile) {
  std::vector<std::string> programs;
  for (const auto& [executable, files] : profile.code) {
    std::vector<std::string> lines;
    for (const std::string& file : files) lines.push_back(line(file));
    programs.push_back(member(executable, block(lines, 2, '[', ']')));
  }
  return block(programs, 1, '{', '}');
}

std::string hexadecimal(uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(number));
  return text;
}

std::string addresses_text(const Profile::CodeAddresses& files) {
  std::vector<std::string> lines;
  for (const auto& [file, addresses] : files) {
    std::vector<std::string> texts;
    for (uint64_t address : addresses) texts.push_back(hexadecimal(address));
    lines.push_back(member(file, line(texts)));
  }
  return block(lines, 3, '{', '}');
}

std::string serving_text(const Profile& profile) {
  std::vector<std::string> programs;
  for (const auto& [executable, serving] : profile.serving) {
    std::vector<std::string> stacks;
    for (const auto& stack : serving.stacks) {
      std::vector<std::string> frames;
      for (const auto& [file, address] : stack) frames.push_back(file + "+" + hexadecimal(address));
      stacks.push_back(line(frames));
    }
    std::vector<std::string> members = {member("stacks", block(stacks, 3, '[', ']'))};
    members.push_back(member("functions", addresses_text(serving.functions)));
    members.push_back(member("pointers", addresses_text(serving.pointers)));
    members.push_back(member("data", addresses_text(serving.data)));
    programs.push_back(member(executable, block(members, 2, '{', '}')));
  }
  return block(programs, 1, '{', '}');
}

std::string observation_line(const Observation& seen) {
  ordered_json object{{"caller", seen.caller}, {"right", right_name(seen.right)}, {"phase", phase_name(seen.phase)}};
  object["direct"] = seen.direct;
  if (!seen.direct_function.empty()) object["function"] = seen.direct_function;
  object["libraries"] = seen.libraries;
  if (!seen.spawners.empty()) object["spawners"] = seen.spawners;
  if (!seen.program.empty()) object["program"] = seen.program;
  object["count"] = seen.count;
  if (!seen.stack.empty()) object["stack"] = seen.stack;
  return line(object);
}

}  // namespace

std::string to_json(const Profile& profile) {
  ordered_json target{{"command", profile.target.command}, {"arch", profile.target.arch}};
  if (!profile.target.kernel.empty()) target["kernel"] = profile.target.kernel;
  target["runtimes"] = profile.target.runtimes;
  if (!profile.target.serving_starts.empty()) target["serving_starts"] = profile.target.serving_starts;
  if (!profile.target.masters.empty()) target["masters"] = profile.target.masters;
  if (!profile.target.data.empty()) target["data"] = profile.target.data;
  if (profile.target.everyday) target["everyday"] = true;
  std::vector<std::string> runs, observations;
  for (const Profile::Run& run : profile.runs)
    runs.push_back(
        line({{"started", run.started}, {"seconds", run.seconds}, {"calls", run.calls}, {"tool", run.tool}}));
  for (const Observation& seen : profile.observations) observations.push_back(observation_line(seen));
  std::vector<std::string> members = {
      member("format", "\"libguard-profile\""),
      member("version", std::to_string(Profile::kVersion)),
      member("target", line(target)),
      member("libraries", libraries_text(profile)),
      member("processes", processes_text(profile)),
      member("completeness", line(ordered_json(profile.completeness))),
      member("observations", block(observations, 1, '[', ']')),
      member("runs", block(runs, 1, '[', ']')),
  };
  if (!profile.serving.empty()) members.insert(members.begin() + 5, member("serving", serving_text(profile)));
  if (!profile.code.empty()) members.insert(members.begin() + 5, member("code", code_text(profile)));
  return block(members, 0, '{', '}') + "\n";
}

Status save_profile(const Profile& profile, const std::string& path) {
  return write_file_atomically(path, to_json(profile));
}

}  // namespace libguard
