// SPDX-License-Identifier: Apache-2.0
// NotifyBackend: the serving loop: one call at a time, from notification to answer.
//
// Way:     *events -> stack* -> verdict -> *action*.
// Thread:  see notify_backend.h.
// Failure: see notify_backend.h.
#include "core/backend/notify/notify_backend.h"

#include <errno.h>
#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bpf/judge.h"
#include "core/backend/end_processes.h"
#include "core/base/check.h"

namespace libguard {
namespace {

constexpr uint64_t kProtExec = 4, kShmExec = 0100000;
constexpr uint64_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

bool makes_executable(const seccomp_data& call) {
  return call.nr == SYS_shmat ? (call.args[2] & kShmExec) != 0 : (call.args[2] & kProtExec) != 0;
}

// Two descriptors per guarded process.
void raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

NotifyBackend::NotifyBackend(BackendOptions options, Handler& handler)
    : options_(std::move(options)),
      handler_(handler),
      tasks_(handler, counts_, options_.companion,
             [this](pid_t pid, int pidfd) {
               if (watcher_) watcher_->watch(pid, pidfd);
             }),
      subjects_(handler, counts_),
      shield_(options_.landlock, options_.closed ? options_.closed : is_closed_directory, handler_.data_directories()),
      paths_(handler_.protected_paths(), handler_.data_directories(), options_.emulate_opens, shield_, counts_),
      function_(options_.find_function),
      channel_(tasks_, subjects_, handler, counts_, options_.companion, shield_, function_, options_.client_path,
               [this](Thread& thread, Right right, const uint64_t* args) {
                 if (!is_judged(thread, number(right))) return Decision{};
                 return judge(thread, number(right), -1, args);
               }) {
  LG_CHECK(options_.matrix != nullptr);
  if (options_.first_shield == FirstShield::kNone && !options_.tell_writes)
    shield_.only_look(handler_.protected_paths());
  else if (!options_.tell_writes)
    shield_.protect(handler_.protected_paths(), options_.first_shield == FirstShield::kForOpens);
  if (Companion* companion = options_.companion) handler_.watch_rules([companion] { companion->on_rules(); });
  for (int nr = 0; nr < 512; nr++) traits_[nr] = traits_of(nr);
  for (uint32_t right = 0; right < LG_MAX_RIGHTS; right++) dangerous_[right] = lg_is_dangerous(lg_group_of(right)) != 0;
}

NotifyBackend::~NotifyBackend() {
  if (options_.companion) handler_.watch_rules(nullptr);
}

void NotifyBackend::adopt(int listener, pid_t child) {
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // same user as the guarded: memory and descriptors are not theirs to open
  raise_descriptor_limit();
  listener_ = std::make_unique<Listener>(listener);
  watcher_ = std::make_unique<Watcher>(listener, child);
  door_child_ = child;
}

Status NotifyBackend::begin(pid_t pid, bool door) {
  if (Status watching = watcher_->start(); !watching) return watching;
  if (Status filter = start_filter(); !filter || !options_.companion) return filter;
  watcher_->watch_ring(options_.companion->wake_fd());
  return options_.companion->begin(
      pid, door, [this](pid_t of, uint32_t function) { return function_name(of, function); },
      [this](pid_t of) {
        Thread* thread = tasks_.find(of);
        if (thread && !thread->process->execs.empty()) tasks_.settle_exec(*thread);
      });
}

// For a companion: of a process that runs, and may have ended meanwhile.
std::string NotifyBackend::function_name(pid_t pid, uint32_t function) {
  Process* process = tasks_.process(pid);
  lg_area area;
  if (!process || !process->names || !process->program->greeted) return {};
  process->memory->through(pid);
  if (!process->memory->read(process->program->hello.area, &area)) return {};
  return process->names->name(function, area);
}

Status NotifyBackend::start_door(int listener, pid_t child, bool shielded) {
  adopt(listener, child);
  if (Status watching = begin(child, true); !watching) return watching;
  Status adopted = tasks_.adopt_door(child);
  if (adopted && shielded) tasks_.process(child)->layers = Shield::layer(shield_.generation());
  return adopted;
}

Status NotifyBackend::start_running(int listener, pid_t pid) {
  adopt(listener, 0);
  if (Status watching = begin(pid, false); !watching) return watching;
  return tasks_.adopt_running(pid);
}

void NotifyBackend::stop() {
  stopping_.store(true);
  if (watcher_) watcher_->insist();
}

void NotifyBackend::request_phase(pid_t pid, uint32_t phase) {
  {
    std::lock_guard lock(mutex_);
    phases_.emplace_back(pid, phase);
  }
  requested_.store(true);
  if (watcher_) watcher_->wake();
}

void NotifyBackend::request_end() {
  ending_.store(true);
  requested_.store(true);
  if (watcher_) watcher_->wake();
}

void NotifyBackend::drain() {
  std::vector<pid_t> exits = watcher_->take_exits();
  if (options_.companion) options_.companion->drain();  // before its processes are forgotten
  for (pid_t pid : exits) {
    tell_ended(pid);
    tasks_.on_exit(pid);
  }
  if (watcher_->take_tick()) {
    if (options_.companion) options_.companion->settle();
    settle_shield();  // of a program that never asked for it
    handler_.on_tick();
  }
  if (!requested_.exchange(false)) return;
  settle_filters();
  if (ending_.exchange(false)) end_processes([this] { return with_children(tasks_.pids()); });
  std::lock_guard lock(mutex_);
  for (auto [pid, phase] : phases_) {
    Process* process = tasks_.process(pid);
    if (!process || phase >= LG_PHASES || phase <= process->phase) continue;
    set_phase(*process, phase);
  }
  phases_.clear();
}

void NotifyBackend::set_phase(Process& process, uint32_t phase) {
  process.phase = phase;
  if (options_.companion) options_.companion->on_phase(process.pid, phase);
  handler_.on_phase(process.pid, phase);
  ask_filter(process, false);
}

void NotifyBackend::note_listening(Process& process, int nr) {
  if (nr == SYS_listen && !std::exchange(process.listens, true)) handler_.on_listen(process.pid);
  if (!options_.observe_everything || !process.listens || process.phase != LG_INIT) return;
  if (waits_for_clients(nr) && handler_.on_wait(process.pid)) set_phase(process, LG_SERVING);
}

Status NotifyBackend::start_filter() {
  if (options_.killed.empty()) return {};
  auto made = ProcessFilter::make(options_.killed, [this] {
    requested_.store(true);
    watcher_->wake();
  });
  if (!made) return tl::unexpected(made.error());
  filter_ = std::move(*made);
  return filter_->start();
}

void NotifyBackend::ask_filter(Process& process, bool forked) {
  if (!filter_ || process.filter_asked || process.phase != LG_SERVING) return;
  process.filter_asked = true;
  filter_->put_on(process.pid, forked);
}

void NotifyBackend::settle_filters() {
  if (!filter_) return;
  for (const ProcessFilter::Told& told : filter_->take()) {
    Process* process = tasks_.process(told.pid);
    if (!process) continue;  // it has ended
    process->filter_on = !told.trouble;
    if (told.inherited) continue;  // told of its maker
    handler_.on_filter(told.pid, told.trouble ? Handler::FilterFact::kNotOn : Handler::FilterFact::kOn,
                       told.trouble ? told.trouble->what : "");
  }
}

// A call that its filter ends a process for is never notified: what is left of it is how the process ended.
void NotifyBackend::tell_ended(pid_t pid) {
  Process* process = filter_ ? tasks_.process(pid) : nullptr;
  if (!process || !process->filter_on) return;
  const bool is_child = pid == door_child_ && child_ended() && WIFSIGNALED(child_status());
  if ((is_child ? WTERMSIG(child_status()) : ending_signal(pid, process->pidfd)) == SIGSYS)
    handler_.on_filter(pid, Handler::FilterFact::kEndedBy, "");
}

void NotifyBackend::serve() {
  Listener::begin_serving();
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (watcher_->pending() || requested_.load(std::memory_order_relaxed)) drain();
    if (watcher_->gone()) break;
    Listener::Received received = listener_->receive();
    if (received == Listener::Received::kCall) handle(listener_->call());
    if (received == Listener::Received::kClosed) break;
  }
  watcher_->served(listener_->gone());
  drain();
  if (options_.companion) options_.companion->settle();
  if (stopping_.load()) return;
  for (pid_t pid : tasks_.pids()) tell_ended(pid);
  tasks_.end_all();
}

void NotifyBackend::answered(bool delivered) {
  if (!delivered) counts_.died_waiting++;
}

void NotifyBackend::handle(const seccomp_notif& call) {
  counts_.calls++;
  notified_[static_cast<uint32_t>(call.data.nr) & 511]++;
  current_ = call.id;
  has_subject_ = false;
  const auto tid = static_cast<pid_t>(call.pid);
  const bool native = is_native_entry(call.data);
  if (native && filter_ && filter_->makes(tid, call.data)) return answered(listener_->pass(call.id));
  if (native && call.data.nr == SYS_set_robust_list) return handle_robust_list(call);
  Thread* thread = tasks_.find(tid);
  if (!thread) thread = tasks_.meet(tid);
  if (thread && !thread->process->execs.empty()) thread = tasks_.settle_exec(*thread);
  if (!thread || thread->tid != tid) {  // gone meanwhile: the answer mostly reaches nobody
    const bool waiting = listener_->refuse(call.id, EPERM);
    if (waiting) counts_.unmet++;
    answered(waiting);
    return;
  }
  // Whatever is read for this call is read through the thread that waits: the last one that was read may have ended.
  thread->process->memory->through(tid);
  if (!thread->process->vforks.empty()) tasks_.end_vfork(*thread);
  if (!native) return refuse_entry(*thread, call);
  if (thread->process->program->door) return handle_door(*thread, call);
  if (call.data.nr == SYS_prctl && static_cast<uint32_t>(call.data.args[0]) == LG_PRCTL)
    return handle_marker(*thread, call);
  handle_known(*thread, call);
}

void NotifyBackend::handle_robust_list(const seccomp_notif& call) {
  const auto tid = static_cast<pid_t>(call.pid);
  if (tasks_.on_robust_list(tid, call.data.args[0])) return answered(listener_->pass(call.id));
  Thread* thread = tasks_.find(tid);
  if (thread) tamper(*thread, call, "a second robust list", {});
}

// By the 32-bit and x32 entries nothing passes, whoever calls: their numbers and registers are not those that are
// judged.
void NotifyBackend::refuse_entry(Thread& thread, const seccomp_notif& call) {
  const bool x32 = call.data.arch == AUDIT_ARCH_X86_64;
  const uint32_t nr = static_cast<uint32_t>(call.data.nr) & ~kX32Bit;
  const bool named = x32 && nr < LG_RIGHT_NO_CALL;  // as the native call of the same number
  subjects_.tell_tamper(thread, Right{static_cast<uint16_t>(named ? nr : LG_RIGHT_NO_CALL)},
                        named ? static_cast<int>(nr) : -1,
                        x32 ? "a system call by the x32 entry" : "a system call by the 32-bit entry (int 0x80)", {});
  answered(listener_->refuse(call.id, ENOSYS));
}

void NotifyBackend::settle_shield() {
  if (shield_.settle() && options_.on_protections) options_.on_protections();
}

void NotifyBackend::handle_marker(Thread& thread, const seccomp_notif& call) {
  if (call.data.args[1] == LG_MARKER_RULESET) settle_shield();
  Channel::Answer answer = channel_.answer(thread, call.data);
  ask_filter(*thread.process, false);
  if (call.data.args[1] == LG_MARKER_HELLO && answer.value >= 0) {
    std::vector<std::string> known = handler_.protected_paths();
    paths_.protect_only(known);
    if (!options_.tell_writes) shield_.prepare(std::move(known));
  }
  if (answer.descriptor >= 0) {
    int error = listener_->answer_descriptor(call.id, answer.descriptor, true);
    if (error) answered(error != ENOENT && listener_->refuse(call.id, error));
    return;
  }
  if (answer.kill) return refuse(thread, call, {Decision::kKill, EPERM});
  if (answer.value < 0) return answered(listener_->refuse(call.id, static_cast<int>(-answer.value)));
  answered(listener_->answer(call.id, answer.value));
}

// Our own child: all that it does before its exec is ours, and that exec is what the user asked for.
void NotifyBackend::handle_door(Thread& thread, const seccomp_notif& call) {
  if (call.data.nr == SYS_execve || call.data.nr == SYS_execveat) tasks_.on_exec(thread, LibrarySet(), 0);
  answered(listener_->pass(call.id));
}

uint16_t NotifyBackend::classify(const Thread& thread, const seccomp_data& call) const {
  uint64_t args[6];
  std::copy(std::begin(call.args), std::end(call.args), args);
  const auto* registers = reinterpret_cast<const __u64*>(args);
  const auto nr = static_cast<uint32_t>(call.nr);
  uint32_t family = lg_needs_family(nr, registers) ? socket_family(*thread.process, static_cast<int>(args[0])) : 0;
  return lg_classify(nr, registers, static_cast<uint32_t>(thread.process->own_pid), family);
}

bool NotifyBackend::is_judged(const Thread& thread, uint16_t right) const {
  if (options_.companion && options_.companion->rights().has(static_cast<Right>(right))) return false;
  if (options_.observe_everything) return !lg_always_allowed(right);
  return options_.matrix->judged[thread.process->phase][right / 64] >> (right % 64) & 1;
}

Decision NotifyBackend::judge(Thread& thread, uint16_t right, int nr, const uint64_t* args) {
  counts_.judged++;
  subjects_.subject(thread, dangerous_[right], &subject_);
  has_subject_ = true;
  // A caller that was killed meanwhile cannot be read: that is no deviation.
  if (lg_set_has(&subject_.stack.active, LG_UNKNOWN) && !listener_->waiting(current_))
    return {Decision::kRefuse, EPERM};
  SubjectFrames frames(subjects_, thread, subject_.stack);
  Call call{};
  call.pid = thread.process->pid;
  call.tid = thread.tid;
  call.program = thread.process->program->index;
  call.right = static_cast<Right>(right);
  call.nr = nr;
  std::copy(args, args + 6, call.args);
  call.subject = &subject_;
  call.reader = &frames;
  return handler_.decide(call);
}

// The client, before the first managed code but the runtime's own, and it can only lose by it. Another ruleset in this
// one's place, or one for other threads too, is a program that confines itself.
bool NotifyBackend::puts_on_shield(const Thread& thread, const seccomp_data& call) const {
  const Process& process = *thread.process;
  return call.nr == LG_NR_landlock_restrict_self && process.offered == shield_.generation() && !process.confined &&
         process.tids.size() <= 1 && call.args[1] == 0 &&
         shield_.is_ruleset(process.pid, static_cast<int>(call.args[0]));
}

void NotifyBackend::handle_known(Thread& thread, const seccomp_notif& call) {
  ask_filter(*thread.process, true);  // a fork whose maker was about to get it
  if (puts_on_shield(thread, call.data)) {
    thread.process->layers |= Shield::layer(shield_.generation());
    return answered(listener_->pass(call.id));
  }
  if (defence_.admits_us(thread, call.data)) return answered(listener_->pass(call.id));
  const uint8_t traits = traits_[call.data.nr & 511];
  if (call.data.nr == SYS_mprotect || call.data.nr == SYS_mmap) function_.look_again(*thread.process);
  note_listening(*thread.process, call.data.nr);
  if (traits & kDefence) {
    std::string_view why = defence_.aims_at_us(thread, call.data);
    if (!why.empty()) return tamper(thread, call, why, {});
  }
  const uint16_t right = classify(thread, call.data);
  thread.process->memory->expect_text(traits & kPath ? Paths::first_path(call.data) : 0);
  if (is_judged(thread, right)) {
    uint64_t args[6];
    std::copy(std::begin(call.data.args), std::end(call.data.args), args);
    Decision decision = judge(thread, right, call.data.nr, args);
    if (decision.kind != Decision::kAllow) return refuse(thread, call, decision);
  }
  if (traits == 0) return answered(listener_->pass(call.id));
  carry_on(thread, call);
}

// An allowed call that needs more than the kernel's own doing.
void NotifyBackend::carry_on(Thread& thread, const seccomp_notif& call) {
  const uint8_t traits = traits_[call.data.nr & 511];
  if ((traits & kDefence) && defence_.carries_out(thread, call.data)) {
    int64_t result = defence_.carry_out(thread, call.data);
    return answered(result < 0 ? listener_->refuse(call.id, static_cast<int>(-result))
                               : listener_->answer(call.id, result));
  }
  if ((traits & kPath) && paths_.active()) {  // a hello may have made protected paths known
    Paths::Outcome outcome = paths_.apply(thread, call.data);
    if (options_.tell_writes) {
      if (outcome.guarded) tell_write(thread, call, outcome);
      outcome = {};
    }
    if (outcome.kind == Paths::Outcome::kRefuse) {
      if (outcome.guarded) return tamper(thread, call, outcome.what, outcome.path);
      return answered(listener_->refuse(call.id, outcome.error));
    }
    if (outcome.kind == Paths::Outcome::kDone) return answered(listener_->answer(call.id, 0));
    if (outcome.kind == Paths::Outcome::kDescriptor) {
      int error = listener_->answer_descriptor(call.id, outcome.fd, outcome.close_on_exec);
      close(outcome.fd);
      if (error && error != ENOENT) answered(listener_->refuse(call.id, error));
      if (error == ENOENT) counts_.died_waiting++;
      return;
    }
  }
  before_pass(thread, call.data);
  answered(listener_->pass(call.id));
}

void NotifyBackend::note_clone(Thread& thread, const seccomp_data& call) {
  const uint64_t flags = call.nr == SYS_clone ? call.args[0] : call.nr == SYS_vfork ? CLONE_VM | CLONE_VFORK : 0;
  StackNote note;
  if (has_subject_) {
    note.stack = subject_.stack;
    note.inherited = LibrarySet(thread.inherited);
    note.maker = subject_.maker;
    note.handoff = thread.handoff;
    note.handoff_id = thread.handoff_id;
  } else {
    subjects_.note(thread, &note);
  }
  if (flags & CLONE_THREAD) return tasks_.on_new_thread(thread, flags & CLONE_SETTLS ? call.args[4] : 0, note);
  if (flags & CLONE_FS) thread.process->mask = kSharesMask;
  const bool confined = (flags & kNamespaceFlags) != 0;
  if ((flags & CLONE_VM) == 0 || (flags & CLONE_VFORK) == 0) return tasks_.on_fork(thread, confined, note);
  subjects_.note_frames(thread, &note);
  tasks_.on_vfork(thread, call.nr == SYS_clone ? call.args[1] : 0, note);
}

void NotifyBackend::before_pass(Thread& thread, const seccomp_data& call) {
  const uint8_t traits = traits_[call.nr & 511];
  Process& process = *thread.process;
  if ((traits & kEnd) && options_.companion) options_.companion->drain();  // while the names can still be read
  if (traits & kBirth) {
    if (call.nr != SYS_execve && call.nr != SYS_execveat) return note_clone(thread, call);
    if (!has_subject_) subjects_.subject(thread, true, &subject_);
    return tasks_.on_exec(thread, subjects_.spawners(subject_),
                          maker_from(subject_.stack, subject_.handoff, subject_.maker));
  }
  if ((traits & kMapping) && makes_executable(call)) process.native.outdated();
  if (traits & kConfine) process.confined = true;
  if ((traits & kMask) && process.mask != kSharesMask) process.mask = static_cast<int>(call.args[0] & 0777);
  if (traits & kIdentity) process.same_rights = kChangesRights;
}

void NotifyBackend::refuse(Thread& thread, const seccomp_notif& call, const Decision& decision) {
  counts_.refused++;
  // Sent while the caller still waits, so the number is still its own.
  if (decision.kind == Decision::kKill && listener_->waiting(call.id))
    syscall(SYS_pidfd_send_signal, thread.process->pidfd, SIGKILL, nullptr, 0);
  answered(listener_->refuse(call.id, decision.error ? decision.error : EPERM));
}

void NotifyBackend::tell_write(Thread& thread, const seccomp_notif& call, const Paths::Outcome& outcome) {
  if (!handler_.on_protected_write(outcome.path)) return;
  subjects_.tell_tamper(thread, Right{classify(thread, call.data)}, call.data.nr, outcome.what, outcome.path, {},
                        false);
}

void NotifyBackend::tamper(Thread& thread, const seccomp_notif& call, std::string_view what, std::string_view path) {
  subjects_.tell_tamper(thread, Right{classify(thread, call.data)}, call.data.nr, what, path);
  answered(listener_->refuse(call.id, EPERM));
}

}  // namespace libguard
