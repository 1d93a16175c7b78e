// SPDX-License-Identifier: Apache-2.0
// Reads recordings and processes.
//
// Way:     see analyze_live.h.
// Thread:  see analyze_live.h.
// Failure: see analyze_live.h.
#include "cli/analyze_live.h"

#include <chrono>
#include <filesystem>

#include "cli/analyze_answer.h"
#include "cli/analyze_targets.h"
#include "core/analysis/elf_image.h"
#include "core/backend/notify/proc.h"
#include "core/base/search_path.h"
#include "core/live/serving_record.h"

namespace libguard {
namespace {

LiveState state_of(const Profile::Serving& serving) {
  return {{serving.stacks.begin(), serving.stacks.end()}, serving.functions, serving.pointers, serving.data};
}

// Of all files with code those that nobody needs: they were opened.
Result<std::vector<std::string>> opened_of(const std::set<std::string>& files, const std::string& program) {
  std::map<std::string, std::string> sonames;  // of the files
  std::set<std::string> needed;                // by others: they come by themselves
  for (const std::string& file : files) {
    auto image = ElfImage::open_head(file, file);
    if (!image) return tl::unexpected(image.error());
    if (file != program && image->interpreter.empty()) sonames[file] = image->soname;
    needed.insert(image->needed.begin(), image->needed.end());
  }
  std::vector<std::string> opened;
  for (const auto& [file, soname] : sonames)
    if (needed.count(soname) == 0 && !soname.starts_with("ld-linux")) opened.push_back(file);
  return opened;
}

Result<LiveProgram> live_of(const Profile& profile, const std::string& program) {
  LiveProgram live;
  live.program = program;
  auto opened = opened_of(profile.code.at(program), program);
  if (!opened) return tl::unexpected(opened.error());
  live.opened = std::move(*opened);
  const auto serving = profile.serving.find(program);
  if (serving != profile.serving.end() && !serving->second.stacks.empty()) live.state = state_of(serving->second);
  return live;
}

Result<Profile> reachable_of(const Profile& recording, const std::string& program,
                             const std::shared_ptr<SummaryCache>& cache) {
  const auto start = std::chrono::steady_clock::now();
  auto live = live_of(recording, program);
  if (!live) return tl::unexpected(live.error());
  TargetRequest request;
  request.program = program;
  request.options.with = live->opened;
  request.options.cache = cache;
  auto targets = analyse_targets(std::move(request));
  if (!targets) return tl::unexpected(targets.error());
  std::vector<std::string> unknown;
  for (const auto& analysis : targets->analyses)
    if (live->state && analysis->options().program == program)
      analysis->resume(*live->state, LivePointers::kSeen, &unknown);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  Profile found = profile_of(*targets, seconds.count());
  const auto process = recording.processes.find(program);
  if (process != recording.processes.end() && process->second.count(Phase::kServing) != 0) return found;
  std::erase_if(found.observations, [](const Observation& seen) { return seen.phase == Phase::kServing; });
  found.derive();
  return found;
}

}  // namespace

Result<Profile> reachable_of(const Profile& recording) {
  auto cache = std::make_shared<SummaryCache>(SummaryCache::default_directory());
  std::optional<Profile> all;
  for (const auto& [program, files] : recording.code) {
    auto one = reachable_of(recording, program, cache);
    if (!one) return one;
    all = all ? merge(*all, *one) : std::move(*one);
  }
  if (!all)
    return fail(Code::kInvalid, "the recording names no files of code", "record again: libguard record --everyday …");
  return *std::move(all);
}

Result<LiveProgram> read_recording(const std::string& path, const std::string& program) {
  auto profile = load_profile(path);
  if (!profile) return tl::unexpected(profile.error());
  std::error_code error;
  const std::string real = std::filesystem::canonical(found_in_path(program), error).string();
  if (profile->code.count(real) == 0)
    return fail(Code::kNotFound, path + ": nothing of " + program + " ran in this recording",
                "record the program itself: libguard record -o PROFILE -- " + program);
  return live_of(*profile, real);
}

Result<LiveProgram> read_process(pid_t pid) {
  LiveProgram live;
  live.program = read_proc_link(pid, "exe");
  if (live.program.empty())
    return fail(Code::kNotFound, "no process " + std::to_string(pid) + ", or it may not be read",
                "is it running, and yours?");
  ServingRecord record("");
  record.on_serving(pid);
  const auto& programs = record.programs();
  const auto serving = programs.find(live.program);
  if (serving == programs.end() || serving->second.stacks.empty())
    return fail(Code::kDenied, "the stacks of process " + std::to_string(pid) + " cannot be read",
                "do it as its user or as root, while it waits for clients");
  live.state = state_of(serving->second);
  LiveFiles files;
  AddressSpace space(pid, files);
  space.refresh();
  std::set<std::string> code;
  for (const AddressSpace::Mapping& mapping : space.mappings())
    if (mapping.executable && mapping.file != nullptr) code.insert(mapping.path);
  auto opened = opened_of(code, live.program);
  if (!opened) return tl::unexpected(opened.error());
  live.opened = std::move(*opened);
  return live;
}

}  // namespace libguard
