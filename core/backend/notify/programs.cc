// SPDX-License-Identifier: Apache-2.0
// Tasks: which program a process runs: exec, the first program, hello.
//
// Way:     *events* -> stack: a program's birth fixes what it is judged as.
// Thread:  the serving thread only.
// Failure: an image or executable that cannot be read makes the program `unknown`.
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "core/backend/notify/tasks.h"

namespace libguard {
namespace {

constexpr size_t kMaxText = 4u << 20;  // of arguments or environment
constexpr std::string_view kLoaderVariables[] = {"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"};

// Whoever names a program so is taken for an interpreter, whose calls without frames are nobody's.
bool is_interpreter(std::string_view executable) {
  return executable.substr(executable.rfind('/') + 1).starts_with("python");
}

bool is_executable_file(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && (found.st_mode & 0111) != 0;
}

std::string_view value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (std::string_view entry : environment)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return {};
}

// What argv[0] meant: a path, or a name looked up in PATH, as the program itself will see it.
std::string invoked_path(pid_t pid, const std::string& name, const std::vector<std::string>& environment) {
  if (name.empty()) return {};
  if (name[0] == '/') return name;
  if (name.find('/') != std::string::npos) return read_proc_link(pid, "cwd") + "/" + name;
  std::string_view path = value_of(environment, "PATH");
  while (!path.empty()) {
    size_t end = std::min(path.find(':'), path.size());
    std::string candidate = std::string(path.substr(0, end)) + "/" + name;
    if (end > 0 && is_executable_file(candidate)) return candidate;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return {};
}

// -X pycache_prefix=DIR or -Xpycache_prefix=DIR, wherever among the arguments, or the variable.
bool bytecode_elsewhere(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  if (!value_of(environment, "PYTHONPYCACHEPREFIX").empty()) return true;
  for (size_t i = 1; i < arguments.size(); i++)
    if (arguments[i].starts_with("-Xpycache_prefix=") ||
        (arguments[i - 1] == "-X" && arguments[i].starts_with("pycache_prefix=")))
      return true;
  return false;
}

}  // namespace

bool Tasks::foreign_environment(pid_t pid) {
  auto environment = split_nul(read_proc_file(pid, "environ", kMaxText));
  bool first = !environment_known_;
  environment_known_ = true;
  for (std::string_view name : kLoaderVariables) {
    std::string value(value_of(environment, name));
    std::string& own = own_environment_[std::string(name)];
    if (first) own = value;
    // Leaving one out brings no code in; the program then simply has no client.
    if (!value.empty() && value != own) return true;
  }
  return false;
}

ProgramBirth Tasks::describe(const Process& process, uint32_t parent) {
  ProgramBirth birth;
  birth.pid = process.pid;
  birth.parent_program = parent;
  birth.executable = read_proc_link(process.pid, "exe");
  birth.arguments = split_nul(read_proc_file(process.pid, "cmdline", kMaxText));
  auto environment = split_nul(read_proc_file(process.pid, "environ", kMaxText));
  if (!birth.arguments.empty()) birth.invoked_as = invoked_path(process.pid, birth.arguments[0], environment);
  if (birth.invoked_as.empty()) birth.invoked_as = birth.executable;
  birth.foreign_environment = foreign_environment(process.pid);
  birth.language_runtime = is_language_runtime(process.pid);
  birth.embeds = birth.language_runtime && !is_interpreter(birth.executable);
  birth.bytecode_elsewhere = bytecode_elsewhere(birth.arguments, environment);
  return birth;
}

void Tasks::begin_program(Process& process, const ImageId& image, const LibrarySet& spawners, uint32_t parent) {
  // What the old image had goes: other threads are dead, notes and mappings were of its memory.
  keep_orphans(process);
  uint64_t robust = 0;
  if (Thread* leader = find(process.pid)) robust = process.program ? 0 : leader->robust;
  auto tids = process.tids;
  for (pid_t tid : tids) drop_thread(tid);
  process.execs.clear();
  process.unborn.clear();
  process.handoffs.clear();
  retire(process);
  process.names.reset();
  process.native = NativeMap();
  process.phase = LG_INIT;
  process.filter_asked = process.filter_on = process.listens = false;

  auto program = std::make_shared<Program>();
  program->image = image;
  program->spawners = spawners;
  ProgramBirth birth = describe(process, parent);
  program->language_runtime = birth.language_runtime;
  program->embeds = birth.embeds;
  program->bytecode_elsewhere = birth.bytecode_elsewhere;
  if (!image.known() || birth.executable.empty()) counters_.unknown_images++;
  ProgramInfo info = handler_.on_program(birth);
  program->index = info.program;
  program->library = birth.executable.empty() ? LibraryId::kUnknown : info.library;
  process.program = program;
  if (companion_)
    companion_->on_program(
        {process.pid, program->index, program->library, program->language_runtime, program->embeds, spawners});
  counters_.programs++;
  std::erase_if(programs_, [](const auto& known) { return known.expired(); });
  programs_.push_back(program);
  add_thread(process, process.pid, robust);
  handler_.on_birth(process.pid, false);
}

Status Tasks::adopt_door(pid_t pid) {
  auto owned = std::make_unique<Process>();
  owned->pid = owned->own_pid = pid;
  owned->memory = std::make_unique<ProcessMemory>(pid);
  owned->program = std::make_shared<Program>();
  owned->program->door = true;
  Process& child = *(processes_[pid] = std::move(owned));
  open_descriptors(child);
  child.program->image = read_image(pid, *child.memory);
  if (!child.program->image.known())
    return fail(
        Code::kDenied, "the child's memory may not be read",
        "allow process_vm_readv and /proc/PID/mem in this container, or set kernel.yama.ptrace_scope to 1 or 0");
  add_thread(child, pid, 0);
  return {};
}

Status Tasks::adopt_running(pid_t pid) {
  TaskStatus status;
  if (!read_status(pid, &status))
    return fail(Code::kNotFound, "process " + std::to_string(pid) + " is gone", "start it again");
  auto owned = std::make_unique<Process>();
  owned->pid = pid;
  owned->own_pid = status.own_tgid;
  owned->memory = std::make_unique<ProcessMemory>(pid);
  Process& process = *(processes_[pid] = std::move(owned));
  open_descriptors(process);
  ImageId image = read_image(pid, *process.memory);
  if (!image.known())
    return fail(Code::kDenied, "memory of process " + std::to_string(pid) + " may not be read",
                "start it with 'libguard run', so that the supervisor is its parent");
  begin_program(process, image, LibrarySet(), kNoProgram);
  if (Thread* thread = find(pid)) thread->robust = robust_list_of(pid);
  return {};
}

void Tasks::on_exec(Thread& thread, const LibrarySet& spawners, uint16_t maker) {
  auto& execs = thread.process->execs;
  std::erase_if(execs, [&](const PendingExec& known) { return known.tid == thread.tid; });
  execs.push_back({thread.tid, spawners, maker});
}

Thread* Tasks::settle_exec(Thread& thread) {
  Process& process = *thread.process;
  // The descriptor of the old memory tells nothing about the new one.
  ProcessMemory probe(process.pid);
  ImageId image = read_image(process.pid, probe);
  if (image.same(process.program->image)) {
    // The same memory: if this thread's own exec is pending, it has failed.
    std::erase_if(process.execs, [&](const PendingExec& known) { return known.tid == thread.tid; });
    return &thread;
  }
  LibrarySet spawners(process.program->spawners);
  uint16_t maker = process.execs.empty() ? uint16_t{0} : process.execs.front().maker;
  for (const PendingExec& exec : process.execs) {
    spawners |= exec.spawners;
    if (exec.maker != maker) maker = 0;  // no way to tell which of them it was
  }
  uint32_t parent = process.program->index;
  const bool by_python = process.program->greeted && !process.program->pushes();
  process.memory = std::make_unique<ProcessMemory>(process.pid);
  open_descriptors(process);
  begin_program(process, image, spawners, parent);
  if (by_python && (maker == LG_APPLICATION || maker > LG_STARTUP)) process.program->author = maker;
  Thread* first = find(process.pid);
  if (first) first->maker = maker;
  return first;
}

Status Tasks::greet(Process& process, const lg_hello& hello) {
  if (hello.runtime == LG_RUNTIME_CPYTHON) {
    auto walker = PythonWalker::create(*process.memory, hello);
    if (!walker) return tl::unexpected(walker.error());
    process.walker = std::move(*walker);
  }
  if (process.program.use_count() > 1) process.program = std::make_shared<Program>(*process.program);
  process.program->greeted = true;
  process.program->hello = hello;
  programs_.push_back(process.program);
  if (companion_) companion_->on_hello(process.pid, *process.memory, hello);
  process.names =
      std::make_unique<Names>(*process.memory, [this](uint32_t hash) { return handler_.module_name(hash); });
  return {};
}

}  // namespace libguard
