// SPDX-License-Identifier: Apache-2.0
// Writes settings, matrix, images, phases and hand-offs; names the kernel's counters.
//
// Way:     see bpf_companion.h.
// Thread:  the serving thread.
// Failure: see bpf_companion.h.
#include "core/backend/bpf/bpf_companion.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/backend/bpf/abilities.h"
#include "core/backend/bpf/hooks.h"
#include "core/backend/bpf/preemption.h"
#include "core/backend/walk/python_offsets.h"

namespace libguard {
namespace {

constexpr uint32_t kFirstImage = 1;  // of a process that ran before its guard
constexpr uint16_t kBirths[] = {LG_NR_clone, LG_NR_fork, LG_NR_vfork, LG_NR_execve, LG_NR_execveat};

bool fill_walked(ProcessMemory& memory, const lg_hello& hello, lg_image* image) {
  lg_area area;
  auto offsets = python_offsets(memory, hello.hexversion, hello.runtime_state);
  if (!offsets || !memory.read(hello.area, &area)) return false;
  image->kind = LG_IMAGE_CPYTHON;
  image->table = area.table;
  image->program = {hello.runtime_state + offsets->runtime_interpreters, hello.none, hello.image_low, hello.image_high};
  image->offsets = *offsets;
  return true;
}

// Its library was told with the program, and stays below all that it pushes.
bool fill_pushed(const lg_hello& hello, lg_image* image) {
  if (image->kind != LG_IMAGE_NATIVE) return false;
  image->kind = LG_IMAGE_PUSHES;
  image->table = hello.states;
  image->slot_delta = hello.slot_delta;
  return true;
}

}  // namespace

Result<std::unique_ptr<BpfCompanion>> BpfCompanion::make(BpfOptions options, Handler& handler) {
  if (Status may = KernelSide::permitted(); !may) return tl::unexpected(may.error());
  if (Status whole = sees_every_call(preemption_facts()); !whole) return tl::unexpected(whole.error());
  Refusers refusers;
  const PythonProbes* feed = options.feed ? &*options.feed : nullptr;
  auto kernel = options.refuse ? load_refusing(refusers, &options.rights, feed) : KernelSide::load(refusers, {}, feed);
  if (!kernel) return tl::unexpected(kernel.error());
  if (*kernel == nullptr) return nullptr;  // nothing to load the programs for
  if (options.refuse)
    if (Status pinned = (*kernel)->pin(); !pinned) return tl::unexpected(pinned.error());
  std::unique_ptr<BpfCompanion> companion(new BpfCompanion(std::move(options), std::move(*kernel), handler));
  companion->write_settings();
  companion->kernel_->judge_again(calls_judged_again(refusers));
  companion->on_rules();
  return companion;
}

BpfCompanion::BpfCompanion(BpfOptions options, std::unique_ptr<KernelSide> kernel, Handler& handler)
    : options_(std::move(options)), handler_(handler), kernel_(std::move(kernel)), observations_(*kernel_, handler) {}

void BpfCompanion::write_settings() {
  lg_settings& settings = kernel_->settings();
  for (uint16_t nr : kBirths) settings.want[nr] |= LG_WANT_BIRTH;
  for (int nr = 0; nr < 512; nr++)
    for (Right right : rights_of_call(nr))
      if (options_.rights.has(right)) settings.want[nr] |= LG_WANT_RIGHT;
  settings.error = EPERM;
  for (Right right : options_.rights.rights())
    if (options_.refuse) settings.refused[number(right) / 64] |= 1ull << (number(right) % 64);
  for (Right right : options_.rights.rights())
    if (options_.killed.has(right)) settings.killed[number(right) / 64] |= 1ull << (number(right) % 64);
  for (Right right : options_.rights.rights())
    if (options_.record) settings.counted[number(right) / 64] |= 1ull << (number(right) % 64);
}

// For a supervisor that takes over.
void BpfCompanion::write_names() {
  for (; named_ < LG_MAX_LIBRARIES; named_++) {
    const std::string purl = handler_.library_name(LibraryId{named_});
    if (purl.empty()) return;
    kernel_->set_name(named_, purl);
  }
}

void BpfCompanion::on_rules() {
  write_names();
  if (!options_.judge) return;
  lg_settings& settings = kernel_->settings();
  // Rows first: a right that becomes judged is judged by rows that are there.
  std::memcpy(kernel_->matrix().deny, options_.matrix->deny, sizeof(options_.matrix->deny));
  for (int phase = 0; phase < LG_PHASES; phase++) {
    for (Right right : options_.rights.rights()) {
      const uint64_t bit = 1ull << (number(right) % 64);
      const uint64_t judged = options_.matrix->judged[phase][number(right) / 64] & bit;
      __u64& word = settings.judged[phase][number(right) / 64];
      word = judged ? word | bit : word & ~bit;
    }
  }
}

Status BpfCompanion::begin(pid_t pid, bool door, Namer namer, Looker looker) {
  observations_.set_namer(std::move(namer));
  observations_.set_looker(std::move(looker));
  return kernel_->guard(pid, door ? LG_IMAGE_DOOR : kFirstImage);
}

void BpfCompanion::on_program(const CompanionProgram& program) {
  const uint32_t number_of_exec = kernel_->image_of(program.pid);
  if (number_of_exec == LG_IMAGE_DOOR || observations_.knows(number_of_exec)) return;
  const bool starts = program.language_runtime && program.library != LibraryId::kUnknown;
  lg_image image{};
  image.kind = starts ? LG_IMAGE_STARTUP : LG_IMAGE_NATIVE;
  image.library = number(program.library);
  image.embeds = program.embeds;
  if (!kernel_->set_image(number_of_exec, image)) handed_over_lost_++;
  observations_.know(number_of_exec, program);
}

void BpfCompanion::on_hello(pid_t pid, ProcessMemory& memory, const lg_hello& hello) {
  const uint32_t number_of_exec = kernel_->image_of(pid);
  lg_image image = kernel_->image(number_of_exec);
  image.area = hello.area;
  std::memcpy(image.nonce, hello.nonce, sizeof(image.nonce));
  const bool understood =
      hello.runtime == LG_RUNTIME_CPYTHON ? fill_walked(memory, hello, &image) : fill_pushed(hello, &image);
  if (options_.feed && image.kind == LG_IMAGE_CPYTHON) {
    if (runs(pid, *options_.feed) && raise_semaphores(pid, *options_.feed))
      image.kind = LG_IMAGE_FED;
    else
      walked_instead_++;
  }
  if (number_of_exec == LG_IMAGE_DOOR || !understood || !kernel_->set_image(number_of_exec, image)) {
    handed_over_lost_++;
    return;
  }
  observations_.greeted(number_of_exec);
}

void BpfCompanion::on_phase(pid_t pid, uint32_t phase) {
  if (!kernel_->set_phase(pid, phase)) handed_over_lost_++;
}

void BpfCompanion::on_handoff(pid_t tid, const lg_handoff& handoff) {
  if (!handoff.noted)
    kernel_->clear_handoff(tid);
  else if (!kernel_->set_handoff(tid, handoff))
    handed_over_lost_++;
}

Counters BpfCompanion::counters() const {
  const lg_kernel_counts counts = kernel_->counts();
  const Counters all = {
      {"kernel_calls", counts.calls},
      {"kernel_judged", counts.judged},
      {"kernel_walks", counts.walks},
      {"kernel_frames", counts.frames},
      {"kernel_searches", counts.searches},
      {"kernel_search_faults", counts.search_faults},
      {"kernel_faults", counts.faults},
      {"kernel_second_looks", counts.second_looks},
      {"kernel_table_faults", counts.table_faults},
      {"kernel_truncated", counts.truncated},
      {"kernel_no_state", counts.no_state},
      {"kernel_unknown_frames", counts.unknown_frames},
      {"kernel_unordered", counts.unordered},
      {"kernel_states_lost", counts.states_lost},
      {"kernel_pairs_lost", counts.pairs_lost},
      {"kernel_events_lost", counts.events_lost},
      {"kernel_threads_lost", counts.threads_lost},
      {"kernel_processes_lost", counts.processes_lost},
      {"kernel_unknown_makers", counts.unknown_makers},
      {"kernel_no_hello", counts.no_hello},
      {"kernel_denied", counts.denied},
      {"kernel_refused_by_hooks", counts.hook_denied},
      {"kernel_pushes_lost", counts.pushes_lost},
      {"kernel_refusals_lost", counts.refusals_lost},
      {"kernel_fed", counts.fed},
      {"kernel_pushes", counts.pushes},
      {"kernel_feeds_lost", counts.feeds_lost},
      {"kernel_walked_instead", walked_instead_},
      {"kernel_passed_over", kernel_->passed_over()},
      {"kernel_unsampled", observations_.unsampled()},
      {"kernel_unnamed_frames", observations_.unnamed()},
      {"kernel_handed_over_lost", handed_over_lost_},
  };
  Counters some;
  for (const auto& [name, count] : all)
    if (count) some.emplace(name, count);
  return some;
}

}  // namespace libguard
