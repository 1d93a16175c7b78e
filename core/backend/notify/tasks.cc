// SPDX-License-Identifier: Apache-2.0
// Tasks: who makes a call: births of threads and processes, and their ends.
//
// Way:     *events* -> stack.
// Thread:  the serving thread only.
// Failure: see tasks.h; every miss is counted in NotifyCounters.
#include "core/backend/notify/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace libguard {
namespace {

constexpr size_t kMaxOrphans = 1024;
constexpr size_t kMaxUnborn = 65536;
// struct pthread begins at the tls address; the robust list's head lies inside it.
constexpr uint64_t kThreadStructBytes = 4096;

// The thread being made whose robust list this is.
auto made_with(std::map<uint64_t, Process::Unborn>& unborn, uint64_t head) {
  auto at = unborn.upper_bound(head);
  if (at == unborn.begin()) return unborn.end();
  --at;
  return head - at->first < kThreadStructBytes ? at : unborn.end();
}

// Asks the kernel, and sends nothing. EPERM is the answer about a thread of another user.
bool has_thread(pid_t pid, pid_t tid) { return syscall(SYS_tgkill, pid, tid, 0) == 0 || errno == EPERM; }

}  // namespace

Process::~Process() {
  if (pidfd >= 0) close(pidfd);
}

Tasks::Tasks(Handler& handler, NotifyCounters& counters, Companion* companion, std::function<void(pid_t, int)> watch)
    : handler_(handler), counters_(counters), companion_(companion), watch_(std::move(watch)) {
  threads_.reserve(4096);
}

Process* Tasks::process(pid_t pid) const {
  auto at = processes_.find(pid);
  return at == processes_.end() ? nullptr : at->second.get();
}

Thread& Tasks::add_thread(Process& process, pid_t tid, uint64_t robust) {
  drop_thread(tid);
  if (process.tids.size() >= process.sweep_at) sweep(process);
  auto thread = std::make_unique<Thread>();
  thread->tid = tid;
  thread->process = &process;
  thread->robust = robust;
  thread->met_at = clock_ticks();
  process.tids.insert(tid);
  counters_.births++;
  return *(threads_[tid] = std::move(thread));
}

// Ended threads make no call that tells so; they are looked for when their number has doubled. Each is asked for: a
// listing of /proc/PID/task breaks off where a thread ends meanwhile, and would leave out living ones.
void Tasks::sweep(Process& process) {
  std::vector<pid_t> ended;
  for (pid_t tid : process.tids)
    if (!has_thread(process.pid, tid)) ended.push_back(tid);
  for (pid_t tid : ended) drop_thread(tid);
  process.sweep_at = std::max<size_t>(64, 2 * process.tids.size());
}

void Tasks::open_descriptors(Process& process) {
  char path[40];
  std::snprintf(path, sizeof(path), "/proc/%d/mem", process.pid);
  int memory = open(path, O_RDONLY | O_CLOEXEC);
  const bool unnamed = memory < 0 && errno == EACCES;  // Yama: it has not named us yet, and is read otherwise then
  // Checked at open only: reads go on when the process becomes non-dumpable, and under Yama.
  if (memory >= 0) process.memory->adopt_fd(memory);
  if (process.pidfd < 0) {
    process.pidfd = static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0));
    if (process.pidfd >= 0 && watch_) watch_(process.pid, process.pidfd);
  }
  if ((memory < 0 && !unnamed) || process.pidfd < 0) counters_.descriptors_lost++;
}

Process* Tasks::add_process(pid_t pid, const TaskStatus& status, uint64_t head) {
  drop_process(pid);
  auto owned = std::make_unique<Process>();
  Process& child = *owned;
  child.pid = pid;
  child.own_pid = status.own_tgid;
  child.memory = std::make_unique<ProcessMemory>(pid);
  processes_[pid] = std::move(owned);
  open_descriptors(child);
  ImageId image = read_image(pid, *child.memory);

  Process* parent = process(status.ppid);
  if (parent && image.known() && !parent->program->image.same(image))
    parent = nullptr;  // not its maker, or exec'ed since
  if (parent) {
    child.program = parent->program;
  } else {
    for (auto& known : programs_)
      if (auto program = known.lock(); program && program->image.same(image)) child.program = program;
  }
  if (!child.program) {
    counters_.unknown_makers++;
    LibrarySet unknown;
    unknown.add(LibraryId::kUnknown);
    begin_program(child, image, unknown, kNoProgram);
    if (Thread* leader = find(pid)) {
      leader->robust = head;
      leader->inherited.add(LibraryId::kUnknown);
    }
    return &child;
  }
  if (parent) {
    child.phase = parent->phase;
    child.confined = parent->confined;
    child.listens = parent->listens;
    child.layers = parent->layers;
    if (parent->mask == kSharesMask) child.mask = kSharesMask;
    child.handoffs = parent->handoffs;
  }
  Thread& main_thread = add_thread(child, pid, head);
  // A fork child registers its maker's own list. Anything else from a child whose maker waits in vfork is not its own.
  bool found = head != 0 && take_fork(main_thread, parent, head);
  if (!found) found = take_vfork(main_thread, parent) || (head == 0 && take_fork(main_thread, parent, head));
  if (!found) {
    counters_.unknown_makers++;
    main_thread.inherited.add(LibraryId::kUnknown);
  }
  if (child.program->greeted) begin_reading(child, parent, main_thread.borrowed != nullptr);
  handler_.on_birth(pid, true);
  if (child.listens) handler_.on_listen(pid);
  return &child;
}

void Tasks::begin_reading(Process& child, const Process* parent, bool borrowed) {
  if (!borrowed && child.program->hello.runtime == LG_RUNTIME_CPYTHON) {
    if (parent && parent->walker) {
      child.walker = parent->walker->forked(*child.memory);
    } else if (auto walker = PythonWalker::create(*child.memory, child.program->hello)) {
      child.walker = std::move(*walker);
    }
  }
  child.names = std::make_unique<Names>(*child.memory, [this](uint32_t hash) { return handler_.module_name(hash); });
}

// A fork child goes on with its maker's stack, which is in its memory, and with what its maker had inherited.
bool Tasks::take_fork(Thread& child, Process* parent, uint64_t head) {
  bool found = false;
  auto take = [&](ForkNote& from) {
    if (from.program != child.process->program || (head != 0 && from.robust != head)) return;
    found = true;
    child.inherited |= from.note.inherited;
    child.maker = from.note.maker;
    child.handoff = from.note.handoff;
    child.handoff_id = from.note.handoff_id;
    child.process->phase = std::max(child.process->phase, from.phase);
    child.process->confined |= from.confined;
    if (from.outstanding > 0) from.outstanding--;
  };
  if (parent)
    for (ForkNote& from : parent->forks) take(from);
  if (!found)
    for (ForkNote& from : orphans_) take(from);
  // The maker has ended, the child has another parent already, and nobody told of the end yet.
  if (!found)
    for (auto& [pid, maker] : processes_)
      for (ForkNote& from : maker->forks) take(from);
  return found;
}

// A vfork child runs on its maker's memory while the maker waits: the maker's stack is its own.
bool Tasks::take_vfork(Thread& child, Process* parent) {
  if (!parent || parent->vforks.empty()) return false;
  const ForkNote* nearest = &parent->vforks.front();
  Position position;
  if (parent->vforks.size() > 1 && read_position(child.tid, &position)) {
    auto distance = [&](const ForkNote& note) {
      return note.sp > position.sp ? note.sp - position.sp : position.sp - note.sp;
    };
    for (const ForkNote& note : parent->vforks)
      if (distance(note) < distance(*nearest)) nearest = &note;
  }
  child.borrowed = std::make_unique<StackNote>(nearest->note);
  child.inherited = nearest->note.inherited;
  child.maker = nearest->note.maker;
  child.handoff = nearest->note.handoff;
  child.handoff_id = nearest->note.handoff_id;
  return true;
}

// A thread's maker is found by its tls address, which the clone carried and in which the robust list lies.
void Tasks::inherit_thread(Thread& thread, uint64_t head) {
  auto& unborn = thread.process->unborn;
  if (head != 0) {
    if (auto at = made_with(unborn, head); at != unborn.end()) {
      thread.inherited = at->second.inherited;
      thread.maker = at->second.maker;
      unborn.erase(at);
      return;
    }
  } else {
    for (const auto& [tls, made] : unborn) thread.inherited |= made.inherited;  // no way to tell whose it is
    if (!unborn.empty()) return;
  }
  counters_.unknown_makers++;
  thread.inherited.add(LibraryId::kUnknown);
}

// The process that lets a thread with this robust list be made, if this is a thread of it. Spares a look into /proc.
Process* Tasks::expecting(pid_t tid, uint64_t head) {
  for (auto& [pid, process] : processes_)
    if (made_with(process->unborn, head) != process->unborn.end() && has_thread(pid, tid)) return process.get();
  return nullptr;
}

Thread* Tasks::meet(pid_t tid) {
  if (Thread* known = find(tid)) return known;
  TaskStatus status;
  if (!read_status(tid, &status)) return nullptr;
  const uint64_t head = robust_list_of(tid);
  Process* owner = process(status.tgid);
  if (owner && status.tgid == tid) {  // a leader unknown in a known process: it never called before
    return &add_thread(*owner, tid, head);
  }
  if (!owner) {
    if (status.tgid == tid) {
      add_process(tid, status, head);
      return find(tid);
    }
    TaskStatus leader;
    if (!read_status(status.tgid, &leader)) return nullptr;
    owner = add_process(status.tgid, leader, robust_list_of(status.tgid));
  }
  Thread& thread = add_thread(*owner, tid, head);
  inherit_thread(thread, head);
  return &thread;
}

bool Tasks::on_robust_list(pid_t tid, uint64_t head) {
  Thread* known = find(tid);
  if (known && !known->process->execs.empty()) {
    settle_exec(*known);
    known = find(tid);
  }
  if (const uint64_t started = known ? read_start_time(tid) : 0; started != 0 && started <= known->met_at) {
    // Would point the walk at another thread's state.
    if (known->robust != 0 || known->borrowed) return false;
    known->robust = head;
    return true;
  }
  if (known) {  // the number was used before
    if (known->process->pid == tid)
      drop_process(tid);
    else
      drop_thread(tid);
  }
  if (Process* maker = expecting(tid, head)) {
    inherit_thread(add_thread(*maker, tid, head), head);
    return true;
  }
  TaskStatus status;
  if (!read_status(tid, &status)) return true;  // gone; nothing will come of it
  if (status.tgid == tid && !process(tid)) {
    add_process(tid, status, head);
    Thread* born = find(tid);
    if (born && born->borrowed) return false;
    if (born) born->robust = head;
    return true;
  }
  Process* owner = process(status.tgid);
  if (!owner) {
    Thread* met = meet(tid);
    if (met) met->robust = head;
    return true;
  }
  Thread& thread = add_thread(*owner, tid, head);
  if (tid != owner->pid) inherit_thread(thread, head);
  return true;
}

void Tasks::on_new_thread(Thread& maker, uint64_t tls, const StackNote& note) {
  Process& process = *maker.process;
  if (process.unborn.size() >= kMaxUnborn) process.unborn.clear();  // their threads will inherit `unknown`
  LibrarySet inherited(note.inherited);
  inherited |= note.stack.active;
  if (note.handoff.noted) inherited |= note.handoff.active;
  process.unborn[tls] = {inherited, maker_from(note.stack, note.handoff, note.maker)};
}

void Tasks::on_fork(Thread& maker, bool confined, const StackNote& note) {
  Process& process = *maker.process;
  auto at = std::find_if(process.forks.begin(), process.forks.end(), [&](const ForkNote& known) {
    return known.maker == maker.tid && known.robust == maker.robust;
  });
  if (at == process.forks.end()) at = process.forks.insert(process.forks.end(), ForkNote{});
  LibrarySet inherited(note.inherited);
  if (at->outstanding > 0) inherited |= at->note.inherited;  // one of two children: both get both
  at->maker = maker.tid;
  at->robust = maker.robust;
  at->outstanding++;
  at->confined = process.confined || confined;
  at->program = process.program;
  at->phase = process.phase;
  at->note = note;
  at->note.inherited = inherited;
}

void Tasks::on_vfork(Thread& maker, uint64_t child_stack, const StackNote& note) {
  Process& process = *maker.process;
  ForkNote from;
  from.maker = maker.tid;
  from.sp = child_stack;
  Position position;
  if (from.sp == 0 && read_position(maker.tid, &position)) from.sp = position.sp;
  from.program = process.program;
  from.note = note;
  process.vforks.push_back(std::move(from));
}

void Tasks::end_vfork(Thread& maker) {
  std::erase_if(maker.process->vforks, [&](const ForkNote& known) { return known.maker == maker.tid; });
}

void Tasks::keep_orphans(Process& process) {
  for (ForkNote& from : process.forks) {
    if (from.outstanding == 0) continue;
    if (orphans_.size() >= kMaxOrphans) orphans_.erase(orphans_.begin());
    orphans_.push_back(std::move(from));
  }
  process.forks.clear();
  process.vforks.clear();
}

void Tasks::Walks::add(const PythonWalker& walker) {
  const WalkCounts& more = walker.counts();
  walks.walks += more.walks;
  walks.frames += more.frames;
  walks.searches += more.searches;
  walks.named += more.named;
  walks.retries += more.retries;
  walks.no_state += more.no_state;
  walks.faults += more.faults;
  walks.truncated += more.truncated;
  codes.unknown += walker.code_counts().unknown;
}

Tasks::Walks Tasks::walk_counts() const {
  Walks sum = retired_;
  for (const auto& [pid, process] : processes_)
    if (process->walker) sum.add(*process->walker);
  return sum;
}

void Tasks::retire(Process& process) {
  if (process.walker) retired_.add(*process.walker);
  process.walker.reset();
}

void Tasks::drop_thread(pid_t tid) {
  auto at = threads_.find(tid);
  if (at == threads_.end()) return;
  at->second->process->tids.erase(tid);
  threads_.erase(at);
}

void Tasks::drop_process(pid_t pid) {
  auto at = processes_.find(pid);
  if (at == processes_.end()) return;
  keep_orphans(*at->second);
  retire(*at->second);
  for (pid_t tid : at->second->tids) threads_.erase(tid);
  processes_.erase(at);
}

std::vector<pid_t> Tasks::pids() const {
  std::vector<pid_t> all;
  for (const auto& [pid, process] : processes_) all.push_back(pid);
  return all;
}

void Tasks::end_all() {
  for (pid_t pid : pids()) {
    drop_process(pid);
    handler_.on_exit(pid);
  }
}

void Tasks::on_exit(pid_t pid) {
  Process* ended = process(pid);
  if (!ended) return;
  pollfd state{ended->pidfd, POLLIN, 0};
  // The number may already be another process'.
  if (ended->pidfd >= 0 && poll(&state, 1, 0) == 0) return;
  drop_process(pid);
  handler_.on_exit(pid);
}

}  // namespace libguard
