// SPDX-License-Identifier: Apache-2.0
// Joins stacks to sets of functions.
//
// Way:     see serving_record.h.
// Thread:  see serving_record.h.
// Failure: see serving_record.h.
#include "core/live/serving_record.h"

#include <dirent.h>
#include <sys/syscall.h>

#include <algorithm>
#include <charconv>

#include "core/backend/notify/proc.h"
#include "core/live/memory_pointers.h"

namespace libguard {
namespace {

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> threads;
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(("/proc/" + std::to_string(pid) + "/task").c_str()),
                                                ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    pid_t tid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc()) threads.push_back(tid);
  }
  std::sort(threads.begin(), threads.end());
  return threads;
}

bool same_run(const NativeFrame& a, const NativeFrame& b) {
  return a.file == b.file && a.function == b.function && a.cfa == b.cfa;
}

// Frames of both from the outermost on that are the same run of the same function.
size_t common_frames(const std::vector<NativeFrame>& a, const std::vector<NativeFrame>& b) {
  size_t count = 0;
  while (count < a.size() && count < b.size() && same_run(a[a.size() - 1 - count], b[b.size() - 1 - count])) count++;
  return count;
}

// The innermost frames up to the first that never returns: what called it does not go on.
size_t live_frames(const std::vector<NativeFrame>& frames) {
  for (size_t i = 1; i < frames.size(); i++) {
    const FramePart& part = frames[i].file->parts().at(frames[i].address);
    if (part.found && !part.returns) return i + 1;
  }
  return frames.size();
}

}  // namespace

ServingRecord::Process& ServingRecord::process_of(pid_t pid) {
  std::unique_ptr<Process>& process = processes_[pid];
  if (!process) process = std::make_unique<Process>(pid, files_);
  return *process;
}

void ServingRecord::forget(pid_t pid) { processes_.erase(pid); }

void ServingRecord::note_broken(const NativeStack& stack) {
  if (stack.whole) return;
  const bool any = !stack.frames.empty();
  broken_.emplace(any ? stack.frames.back().file->path : "", any ? stack.frames.back().function : 0);
}

void ServingRecord::on_serving(pid_t pid) {
  const std::string executable = read_proc_link(pid, "exe");
  if (executable.empty()) return;
  processes_.erase(pid);
  Process& process = process_of(pid);
  if (!process.space.refresh()) return;
  Profile::Serving& serving = programs_[executable];
  std::vector<StackBounds> stacks;
  for (pid_t tid : threads_of(pid)) {
    NativeStack stack = read_native_stack(tid, process.space, process.memory);
    note_broken(stack);
    if (stack.frames.empty()) continue;
    const size_t live = live_frames(stack.frames);
    std::vector<Profile::CodeAddress> places;
    for (size_t i = 0; i < live; i++) places.push_back({stack.frames[i].file->path, stack.frames[i].address});
    serving.stacks.insert(std::move(places));
    stacks.push_back({stack.stack_pointer, stack.frames[live - 1].cfa, stack.frames.back().cfa});
    process.began[tid] = std::move(stack.frames);
  }
  find_pointers(process.space, process.memory, stacks, &serving);
  serving.pointers.erase(own_);
  serving.data.erase(own_);
}

void ServingRecord::add_function(const LiveFile& file, uint64_t address, Profile::Serving& serving) const {
  if (file.path != own_) serving.functions[file.path].insert(address);
}

// How many outer frames run since before serving began; a fork has those of its maker.
size_t ServingRecord::standing(const Process& process, const Call& call, const std::vector<NativeFrame>& frames) const {
  if (auto own = process.began.find(call.tid); own != process.began.end()) return common_frames(own->second, frames);
  size_t most = 0;
  if (call.tid != call.pid || !process.began.empty()) return most;  // a new thread
  for (const auto& [pid, other] : processes_)
    for (const auto& [tid, began] : other->began) most = std::max(most, common_frames(began, frames));
  return most;
}

// rt_sigaction(signal, action, …): an action begins with the address of its handler.
void ServingRecord::note_handler(const Call& call, const std::string& executable) {
  Process& process = process_of(call.pid);
  uint64_t handler = 0;
  if (call.args[1] == 0 || !process.memory.read(call.args[1], &handler) || handler <= 1) return;  // default, ignored
  auto place = process.space.code_at(handler);
  if (!place && process.space.refresh()) place = process.space.code_at(handler);
  if (place) add_function(*place->file, place->address, programs_[executable]);
}

void ServingRecord::on_call(const Call& call, const std::string& executable) {
  if (executable.empty() || !call.waits) return;
  if (call.nr == SYS_rt_sigaction) note_handler(call, executable);
  if (call.subject->phase != LG_SERVING || call.nr < 0) return;
  Process& process = process_of(call.pid);
  NativeStack stack = read_native_stack(call.tid, process.space, process.memory);
  note_broken(stack);
  const size_t fresh = stack.frames.size() - standing(process, call, stack.frames);
  Profile::Serving& serving = programs_[executable];
  for (size_t i = 0; i < fresh; i++) add_function(*stack.frames[i].file, stack.frames[i].function, serving);
}

}  // namespace libguard
