// SPDX-License-Identifier: Apache-2.0
// Reads the pinned maps of a guard whose supervisor died.
//
// Way:     see adopted.h.
// Thread:  see adopted.h.
// Failure: see adopted.h.
#include "core/backend/bpf/adopted.h"

#include <poll.h>

#include <cstdlib>

#include "core/backend/bpf/pins.h"
#include "core/backend/notify/proc.h"

namespace libguard {
namespace {

constexpr int kTickMilliseconds = 500;

}  // namespace

AdoptedGuard::AdoptedGuard(std::unique_ptr<KernelSide> kernel, Handler& handler)
    : kernel_(std::move(kernel)), handler_(handler), observations_(*kernel_, handler) {}

Result<std::unique_ptr<AdoptedGuard>> AdoptedGuard::take_over(pid_t supervisor, Handler& handler) {
  if (Status may = KernelSide::permitted(); !may) return tl::unexpected(may.error());
  auto directory = Pins::claim(supervisor);
  if (!directory) return tl::unexpected(directory.error());
  auto kernel = KernelSide::take_over(*directory);
  if (!kernel) return tl::unexpected(kernel.error());
  return std::unique_ptr<AdoptedGuard>(new AdoptedGuard(std::move(*kernel), handler));
}

std::vector<std::string> AdoptedGuard::libraries() const {
  std::vector<std::string> all;
  for (uint32_t number = LG_FIRST_LIBRARY; number < LG_MAX_LIBRARIES; number++) {
    all.push_back(kernel_->name(number));
    if (all.back().empty()) return all.pop_back(), all;
  }
  return all;
}

// Nobody starts a new one: that would be notified.
void AdoptedGuard::know_programs() {
  for (const auto& [pid, process] : kernel_->processes()) {
    if (observations_.knows(process.image)) continue;
    const lg_image image = kernel_->image(process.image);
    ProgramBirth birth{};
    birth.pid = pid;
    birth.executable = birth.invoked_as = read_proc_link(pid, "exe");
    birth.language_runtime = image.kind == LG_IMAGE_CPYTHON || image.kind == LG_IMAGE_STARTUP;
    birth.embeds = image.embeds;
    birth.parent_program = kNoProgram;
    CompanionProgram program{};
    program.pid = pid;
    program.program = handler_.on_program(birth).program;
    program.library = static_cast<LibraryId>(image.library);
    program.language_runtime = birth.language_runtime;
    program.embeds = birth.embeds;
    program.spawners = LibrarySet(process.spawners);
    observations_.know(process.image, program);
    if (image.kind == LG_IMAGE_CPYTHON || image.kind == LG_IMAGE_PUSHES) observations_.greeted(process.image);
  }
}

void AdoptedGuard::serve(const std::atomic<bool>& stop) {
  pollfd ring{kernel_->ring_fd(), POLLIN, 0};
  know_programs();
  observations_.settle();
  while (!stop.load() && !kernel_->processes().empty()) {
    poll(&ring, 1, kTickMilliseconds);
    know_programs();
    observations_.settle();
    handler_.on_tick();
  }
  observations_.settle();
}

Counters AdoptedGuard::counters() const {
  const lg_kernel_counts counts = kernel_->counts();
  return {{"kernel_denied", counts.denied},
          {"kernel_refused_by_hooks", counts.hook_denied},
          {"kernel_events_lost", counts.events_lost},
          {"kernel_unsampled", observations_.unsampled()}};
}

}  // namespace libguard
