// SPDX-License-Identifier: Apache-2.0
// Channel: answers marker calls.
//
// Way:     *events* -> stack.
// Thread:  the serving thread only.
// Failure: sizes and addresses come from the guarded program: every read is bounded, what cannot be read is EFAULT.
#include "core/backend/notify/channel.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "bpf/library_set.h"

namespace libguard {
namespace {

constexpr uint32_t kMaxPath = 65536;
constexpr size_t kMaxMaps = 64u << 20;

uint64_t low64(const uint8_t nonce[16]) {
  uint64_t low;
  std::memcpy(&low, nonce, sizeof(low));
  return low;
}

// Python keeps "mod.cpython-311.pyc" in __pycache__ beside the source, or somewhere else if told so.
bool is_bytecode_elsewhere(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash != std::string_view::npos && path.find(".cpython-", slash) != std::string_view::npos &&
         !path.substr(0, slash).ends_with("/__pycache__");
}

struct Mapping {
  char access[8] = "";
  dev_t device = 0;
  ino_t inode = 0;
  std::string path;
};

// What is mapped at this address; false: nothing.
bool find_mapping(pid_t pid, uint64_t address, Mapping* out) {
  std::string maps = read_proc_file(pid, "maps", kMaxMaps);
  for (size_t at = 0; at < maps.size();) {
    size_t end = std::min(maps.find('\n', at), maps.size());
    std::string line = maps.substr(at, end - at);
    at = end + 1;
    unsigned long low = 0, high = 0, inode = 0;
    unsigned major = 0, minor = 0;
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %7s %*s %x:%x %lu %n", &low, &high, out->access, &major, &minor, &inode,
                    &path_at) < 6)
      continue;
    if (address < low || address >= high) continue;
    out->device = makedev(major, minor);
    out->inode = inode;
    out->path = line.substr(static_cast<size_t>(path_at));
    return true;
  }
  return false;
}

}  // namespace

Channel::Channel(Tasks& tasks, Subjects& subjects, Handler& handler, NotifyCounters& counters, Companion* companion,
                 const Shield& shield, const FunctionStart& function, std::string client_path, Judge judge)
    : tasks_(tasks),
      subjects_(subjects),
      handler_(handler),
      counters_(counters),
      companion_(companion),
      shield_(shield),
      function_(function),
      client_path_(std::move(client_path)),
      judge_(std::move(judge)) {}

int64_t Channel::refuse(Thread& thread, std::string_view what) {
  subjects_.tell_tamper(thread, Right{SYS_prctl}, SYS_prctl, what, {});
  return -EPERM;
}

// Does the address lie in executable memory mapped from the client's file?
bool Channel::from_client(pid_t pid, uint64_t address) const {
  struct stat client;
  if (client_path_.empty() || stat(client_path_.c_str(), &client) != 0) return false;
  Mapping mapping;
  if (!find_mapping(pid, address, &mapping) || mapping.access[1] == 'w' || mapping.access[2] != 'x') return false;
  // Some file systems show another device number here than stat does: then the path has to do.
  return mapping.inode == client.st_ino && (mapping.device == client.st_dev || mapping.path == client_path_);
}

int64_t Channel::hello(Thread& thread, const seccomp_data& call) {
  Process& process = *thread.process;
  if (process.program->greeted) return refuse(thread, "a second hello");
  if (!from_client(process.pid, call.instruction_pointer)) return refuse(thread, "hello from outside the client");
  lg_hello hello;
  lg_area area;
  if (!process.memory->read(call.args[2], &hello) || !process.memory->read(hello.area, &area)) return -EFAULT;
  if (hello.version != LG_ABI_VERSION || area.version != LG_ABI_VERSION) return -EPROTO;
  // A language runtime is walked; any other program may push.
  if (hello.runtime != (process.program->language_runtime ? LG_RUNTIME_CPYTHON : LG_RUNTIME_NATIVE)) return -EOPNOTSUPP;
  if (std::memcmp(hello.nonce, area.nonce, sizeof(hello.nonce)) != 0)
    return refuse(thread, "hello with a forged nonce");
  if (Status greeted = tasks_.greet(process, hello); !greeted) {
    refuse(thread, "hello refused: " + greeted.error().what);
    return -EOPNOTSUPP;
  }
  process.program->call_site = call.instruction_pointer;
  Mapping image;  // of the interpreter, where that is not the program's own
  if (process.program->embeds) find_mapping(process.pid, hello.image_low, &image);
  handler_.on_hello(process.program->index, hello, image.path);
  return handler_.hello_answer();
}

int64_t Channel::resolve(Thread& thread, uint64_t address) {
  Process& process = *thread.process;
  lg_resolve asked;
  if (!process.memory->read(address, &asked)) return -EFAULT;
  if (asked.length > kMaxPath) return -ENAMETOOLONG;
  std::string path(asked.length, '\0');
  if (asked.length && !process.memory->read(asked.path, path.data(), path.size())) return -EFAULT;
  const bool is_file = asked.kind != LG_RESOLVE_FROZEN && asked.kind != LG_RESOLVE_COMMAND;
  if (is_file && (path.empty() || path[0] != '/')) path = read_proc_link(thread.tid, "cwd") + "/" + path;
  uint64_t answer = handler_.resolve(process.program->index, asked.kind, path, {asked.device, asked.inode});
  // Text of the command line is its author's, as text is that is given to exec().
  if (asked.kind == LG_RESOLVE_COMMAND && !LG_RESOLVED_TRUSTED(answer) && process.program->author != LG_UNKNOWN)
    answer = LG_RESOLVED(process.program->author, 0, 1, 0);
  // The client leaves such a file alone. Where nobody who started the program asked for it, somebody inside did.
  if (asked.kind == LG_RESOLVE_BYTECODE && !LG_RESOLVED_TRUSTED(answer) && is_bytecode_elsewhere(path) &&
      !process.program->bytecode_elsewhere)
    subjects_.tell_tamper(thread, Right{LG_RIGHT_OPENAT_READ}, -1,
                          "bytecode from elsewhere than beside its source; the source was taken", {}, path);
  return static_cast<int64_t>(answer);
}

Channel::Answer Channel::operation(Thread& thread, const seccomp_data& call) {
  uint64_t right = call.args[2];
  if (right < LG_FIRST_OPERATION || right >= LG_MAX_RIGHTS) return {-EINVAL};
  Decision decision = judge_(thread, static_cast<Right>(right), reinterpret_cast<const uint64_t*>(call.args));
  if (decision.kind == Decision::kAllow) return {0};
  return {-(decision.error ? decision.error : EPERM), decision.kind == Decision::kKill};
}

int64_t Channel::note_handoff(Thread& thread) {
  auto& noted = thread.process->handoffs;
  if (noted.size() >= kMaxHandoffs) {
    counters_.handoffs_lost++;
    return -ENOMEM;  // it will run with nobody to vouch for it
  }
  lg_stack stack;
  subjects_.stack(thread, &stack);
  lg_handoff handoff{};
  handoff.noted = 1;
  handoff.active = stack.active;
  handoff.caller = stack.caller;
  // Runtime code that submits while it runs for somebody submits for him.
  if (thread.handoff.noted) {
    lg_set_join(&handoff.active, &thread.handoff.active);
    if (stack.caller == LG_RUNTIME) handoff.caller = thread.handoff.caller;
  }
  if (lg_set_only_runtime(&handoff.active)) lg_set_join(&handoff.active, &thread.inherited);
  uint32_t id = next_handoff_++;
  if (next_handoff_ >= 0x7fffffff) next_handoff_ = 1;
  noted[id] = handoff;
  return id;
}

int64_t Channel::enter_handoff(Thread& thread, uint32_t id) {
  uint32_t before = thread.handoff_id;
  const auto& noted = thread.process->handoffs;
  auto at = noted.find(id);
  if (id != 0 && at == noted.end()) counters_.handoffs_lost++;
  thread.handoff = at == noted.end() ? lg_handoff{} : at->second;
  thread.handoff_id = at == noted.end() ? 0 : id;
  if (companion_) companion_->on_handoff(thread.tid, thread.handoff);
  return before;
}

int64_t Channel::phase(Thread& thread, uint64_t wanted) {
  Process& process = *thread.process;
  if (wanted >= LG_PHASES) return -EINVAL;
  if (wanted > process.phase) {
    process.phase = static_cast<uint32_t>(wanted);
    if (companion_) companion_->on_phase(process.pid, process.phase);
    handler_.on_phase(process.pid, process.phase);
  }
  return process.phase;
}

int64_t Channel::function(Thread& thread, uint64_t step, uint64_t address) {
  Process& process = *thread.process;
  if (step == LG_FUNCTION_WANTED) return function_.wanted() ? 1 : 0;
  if (!function_.wanted()) return -EINVAL;
  if (step == LG_FUNCTION_PLANT) {
    const auto planted = function_.plant(process);
    if (!planted) handler_.on_trouble(process.pid, planted.error().what);
    return planted ? static_cast<int64_t>(*planted) : 0;
  }
  if (step != LG_FUNCTION_REACHED || !function_.reached(process, address)) return 0;
  phase(thread, LG_SERVING);
  return 1;
}

int64_t Channel::self_check(Thread& thread, uint64_t address) {
  Process& process = *thread.process;
  lg_self_check check;
  if (!process.memory->read(address, &check)) return -EFAULT;
  lg_stack stack;
  subjects_.stack(thread, &stack);
  if (!process.walker) return -EOPNOTSUPP;
  Status checked = process.walker->self_check(check);
  if (checked) return 0;
  refuse(thread, checked.error().what);
  return -EOPNOTSUPP;
}

// A process that confined itself, or is under this very ruleset already, needs none. What it tells can only take the
// ruleset away: that it put it on was seen (NotifyBackend::puts_on_shield).
Channel::Answer Channel::ruleset(Process& process, uint64_t step, uint64_t error) {
  const uint32_t current = Shield::layer(shield_.generation());
  if (step == LG_RULESET_TOLD) {
    if (process.offered == 0) return {-EINVAL};
    const uint32_t offered = Shield::layer(process.offered);
    if (error != 0) process.layers &= ~offered;
    if ((process.layers & offered) == 0) counters_.unshielded++;
    process.offered = 0;
    return {0};
  }
  if (step != LG_RULESET_TAKE) return {-EINVAL};
  if (process.confined || shield_.ruleset() < 0 || current == 0 || (process.layers & current)) return {-ENODATA};
  process.offered = shield_.generation();
  return {0, false, shield_.ruleset()};
}

Channel::Answer Channel::answer(Thread& thread, const seccomp_data& call) {
  const uint64_t op = call.args[1], argument = call.args[2];
  if (op == LG_MARKER_PROBE) return {LG_ABI_VERSION};
  if (op == LG_MARKER_HELLO) return {hello(thread, call)};
  const Program& program = *thread.process->program;
  // Going forward gains nobody anything: no hello is needed for it, only the client.
  const bool goes_forward = op == LG_MARKER_FUNCTION || (op == LG_MARKER_PHASE && argument == LG_SERVING);
  if (goes_forward && !program.greeted && !thread.borrowed &&
      from_client(thread.process->pid, call.instruction_pointer))
    return {op == LG_MARKER_PHASE ? phase(thread, argument) : function(thread, argument, call.args[3])};
  if (!program.greeted || call.instruction_pointer != program.call_site)
    return {refuse(thread, "marker call from outside the client")};
  if (call.args[4] != low64(program.hello.nonce)) return {refuse(thread, "marker call with a forged nonce")};
  if (thread.borrowed && op != LG_MARKER_OPERATION) return {-EPERM};  // its memory is its maker's
  switch (op) {
    case LG_MARKER_RESOLVE:
      return {resolve(thread, argument)};
    case LG_MARKER_OPERATION:
      return operation(thread, call);
    case LG_MARKER_HANDOFF_NOTE:
      return {note_handoff(thread)};
    case LG_MARKER_HANDOFF_ENTER:
      return {enter_handoff(thread, static_cast<uint32_t>(argument))};
    case LG_MARKER_HANDOFF_RELEASE:
      thread.process->handoffs.erase(static_cast<uint32_t>(argument));
      return {0};
    case LG_MARKER_PHASE:
      return {phase(thread, argument)};
    case LG_MARKER_SELF_CHECK:
      return {self_check(thread, argument)};
    case LG_MARKER_FUNCTION:
      return {function(thread, argument, call.args[3])};
    case LG_MARKER_RULESET:
      return ruleset(*thread.process, argument, call.args[3]);
    default:
      return {-EINVAL};
  }
}

}  // namespace libguard
