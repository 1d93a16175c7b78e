// SPDX-License-Identifier: Apache-2.0
// Guard: puts library table, resolver, matrix, recorder and deviations together and answers the backend.
//
// Way:     events -> stack -> *verdict -> action*.
// Thread:  see guard.h.
// Failure: see guard.h.
#include "libguard/guard.h"

#include <sys/utsname.h>

#include <cerrno>
#include <ctime>
#include <map>
#include <unordered_map>

#include "bpf/judge.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/code_files.h"
#include "core/data_directories.h"
#include "core/deviations.h"
#include "core/live/serving_record.h"
#include "core/matrix.h"
#include "core/recorder.h"
#include "libguard/frontend.h"

namespace libguard {

struct Guard::State {
  GuardOptions options;
  Mode mode = Mode::kObserve;
  LibraryTable table;
  std::optional<Rules> rules;
  std::unique_ptr<Matrix> matrix;
  std::unique_ptr<Resolver> resolver;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<CodeFiles> code;              // while recording
  std::unique_ptr<ServingRecord> serving;       // while recording
  std::unique_ptr<WrittenDirectories> written;  // while recording
  std::vector<std::string> data_directories;    // real paths
  LiveFiles live_files;
  std::unique_ptr<Deviations> deviations;
  size_t placed = 0;  // libraries already in the matrix
  std::set<std::string> noticed;
  std::function<void()> rules_changed;

  struct Program {
    std::string executable, invoked_as;
  };
  std::vector<Program> programs{{"", ""}};
  std::map<std::pair<std::string, std::string>, uint32_t> numbers;  // of programs: one started again is the same
  std::vector<std::string> runtimes;
  std::unordered_map<uint32_t, std::string> modules;
  int64_t started_ms = 0;
  uint64_t calls = 0;

  std::vector<NativePlace> native_stack(const Call& call) {
    AddressSpace space(call.pid, live_files);
    ProcessMemory memory(call.pid);
    std::vector<NativePlace> places;
    if (!space.refresh()) return places;
    for (const NativeFrame& frame : read_native_stack(call.tid, space, memory).frames)
      places.push_back({function_name(frame), frame.file->path});
    return places;
  }

  // Gives libraries that became known their rights before anything of theirs is judged.
  void place_new_libraries() {
    if (placed == table.size()) return;
    for (; placed < table.size(); placed++) {
      LibraryId id{static_cast<uint16_t>(placed)};
      matrix->add(id, table.at(id).purl);
    }
    if (rules_changed) rules_changed();
  }
};

namespace {

int64_t realtime_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

Mode effective_mode(const GuardOptions& options) {
  if (options.mode) return *options.mode;
  return options.policy ? options.policy->mode : Mode::kObserve;
}

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

bool free_for_everybody(const lg_matrix& matrix, uint16_t right) {
  for (const auto& judged : matrix.judged)
    if (judged[right / 64] >> (right % 64) & 1) return false;
  return true;
}

}  // namespace

Guard::Guard(std::unique_ptr<State> state) : state_(std::move(state)) {}
Guard::~Guard() = default;

Result<std::unique_ptr<Guard>> Guard::create(GuardOptions options) {
  auto state = std::make_unique<State>();
  state->mode = effective_mode(options);
  state->options = std::move(options);
  const GuardOptions& opts = state->options;
  if (opts.policy && state->mode != Mode::kObserve) {
    auto rules = Rules::compile(*opts.policy, opts.profile ? &*opts.profile : nullptr);
    if (!rules) return tl::unexpected(rules.error());
    state->rules = std::move(*rules);
  } else if (state->mode != Mode::kObserve) {
    return fail(Code::kInvalid, "mode detect or enforce without a policy",
                "name one with --policy, or make one: libguard policy new PROFILE -o POLICY");
  }
  std::vector<std::string> listed;
  if (opts.policy)
    for (const auto& [purl, rules] : opts.policy->libraries) listed.push_back(purl);
  state->matrix = std::make_unique<Matrix>(state->rules ? &*state->rules : nullptr, listed);
  ResolverOptions naming;
  naming.application_dir = opts.application_dir;
  naming.home = opts.home;
  if (opts.policy) {
    std::vector<std::string> own = opts.own_files;
    if (!opts.events_path.empty()) own.push_back(opts.events_path);
    auto data = place_data(opts.policy->data, opts.application_dir, own);
    if (!data) return tl::unexpected(data.error());
    for (const std::string& missing : data->missing)
      if (opts.on_notice)
        opts.on_notice("the policy's data: " + missing +
                       " is no directory; make it before the start, nobody may later");
    naming.data_directories = state->data_directories = std::move(data->places);
  }
  naming.start_time_ns = realtime_ns();
  naming.trust_new_files = opts.record;
  state->resolver = std::make_unique<Resolver>(naming, state->table);
  if (opts.record) {
    state->recorder = std::make_unique<Recorder>(state->table);
    state->code = std::make_unique<CodeFiles>(opts.client_path);
    state->serving = std::make_unique<ServingRecord>(opts.client_path);
    state->written = std::make_unique<WrittenDirectories>(opts.application_dir);
  }
  DeviationOptions telling{state->mode,
                           opts.policy ? opts.policy->digest : "",
                           opts.events_path,
                           opts.on_event,
                           state->rules ? &*state->rules : nullptr,
                           [known = state.get()](const Call& call) { return known->native_stack(call); }};
  state->deviations = std::make_unique<Deviations>(std::move(telling), state->table);
  if (auto opened = state->deviations->open(); !opened) return tl::unexpected(opened.error());
  state->started_ms = unix_milliseconds_now();
  state->place_new_libraries();
  return std::unique_ptr<Guard>(new Guard(std::move(state)));
}

const lg_matrix* Guard::matrix() const { return state_->matrix->get(); }
Mode Guard::mode() const { return state_->mode; }
Action Guard::action(Right right) const {
  return state_->mode == Mode::kEnforce && state_->rules ? state_->rules->action(right) : Action::kLog;
}
bool Guard::is_listed_always(Right right) const {
  const auto& rules = state_->rules;
  return !rules || (rules->is_listed(Phase::kInit, right) && rules->is_listed(Phase::kServing, right));
}
std::set<uint32_t> Guard::killed_while_serving() const {
  std::set<uint32_t> killed;
  if (!state_->rules || state_->mode != Mode::kEnforce) return killed;
  const auto is_listed = [&](uint32_t nr) {
    for (Right right : rights_of_call(static_cast<int>(nr)))
      if (state_->rules->is_listed(Phase::kServing, right)) return true;
    return false;
  };
  if (is_listed(LG_NR_execve) || is_listed(LG_NR_execveat)) return killed;
  for (uint32_t nr = 0; nr < LG_NUMBERS; nr++) {
    bool kills = syscall_name(static_cast<int>(nr)).has_value() && !is_listed(nr);
    for (Right right : rights_of_call(static_cast<int>(nr)))
      kills = kills && state_->rules->action(right) == Action::kKill;
    if (kills) killed.insert(nr);
  }
  return killed;
}
bool Guard::recording() const { return state_->recorder != nullptr; }

bool Guard::grants(lg_group group) const {
  const Rules* rules = state_->rules ? &*state_->rules : nullptr;
  if (rules == nullptr) return true;
  auto holds = [&](std::string_view purl) {
    for (Right right : rights_of(group))
      for (Role role : {Role::kCaller, Role::kStack})
        if (rules->holds(purl, Phase::kInit, role, right)) return true;
    return false;
  };
  if (holds(kApplicationName)) return true;
  for (const auto& [purl, entry] : rules->entries())
    if (purl.rfind("pkg:", 0) == 0 && holds(purl)) return true;
  return false;
}

std::optional<std::string> Guard::denied_to(Right right) const {
  if (!state_->options.policy) return std::nullopt;
  for (const auto& [purl, rules] : state_->options.policy->libraries)
    for (const auto& [phase, roles] : rules.deny)
      for (const auto& [role, denied] : roles)
        if (denied.has(right)) return purl;
  return std::nullopt;
}

// Nothing is refused by the filter alone: every refusal is an event with a stack.
std::vector<Outcome> Guard::outcomes() const {
  std::vector<Outcome> outcomes(LG_MAX_RIGHTS, Outcome::kNotify);
  for (uint16_t right = 0; right < LG_MAX_RIGHTS; right++) {
    lg_group group = group_of(Right{right});
    bool everyday = group == LG_GROUP_BASE || group == LG_GROUP_IO;
    bool free = free_for_everybody(*matrix(), right);
    bool looked_at = recording() && (!everyday || state_->options.everyday);
    if (free && !looked_at) outcomes[right] = Outcome::kAllow;
  }
  return outcomes;
}

int64_t Guard::hello_answer() { return state_->mode == Mode::kEnforce ? LG_HELLO_ENFORCE : 0; }

bool Guard::looks_at_writes() const { return recording() || state_->mode != Mode::kObserve; }

std::vector<std::string> Guard::data_directories() { return state_->data_directories; }

std::vector<std::string> Guard::protected_paths() {
  const GuardOptions& options = state_->options;
  if (!looks_at_writes()) return {};
  std::vector<std::string> paths = state_->resolver->code_directories();
  paths.insert(paths.end(), options.own_files.begin(), options.own_files.end());
  if (!options.client_path.empty()) paths.push_back(options.client_path);
  if (!options.events_path.empty()) paths.push_back(options.events_path);
  return paths;
}

Decision Guard::decide(const Call& call) {
  State& state = *state_;
  state.calls += call.count;
  const std::string& executable = state.programs[call.program].executable;
  // What goes through a ring is seen by nobody. Who is told that there are none makes plain calls, here and under
  // enforce.
  if (!state.rules && call.right == Right{LG_NR_io_uring_setup}) return {Decision::kRefuse, ENOSYS};
  if (state.recorder) state.recorder->observe(call, executable);
  if (state.code && call.right == Right{LG_RIGHT_MMAP_EXEC_FILE}) state.code->on_mapping(call, executable);
  if (state.serving) state.serving->on_call(call, executable);
  if (!state.rules) return {};
  if (!state.rules->is_listed(static_cast<Phase>(call.subject->phase), call.right)) return refuse_unlisted(call);
  lg_group group = group_of(call.right);
  const lg_stack& stack = call.subject->stack;
  bool known = false;
  if (lg_needs_function(number(call.right), call.subject)) {
    // A native program has no frames: its one cell stands for all of it.
    static const uint32_t kProgram = function_id(kProgramFunction);
    uint32_t function = stack.flags & LG_STACK_PROGRAM ? kProgram : lg_cell_function(&stack);
    known = state.matrix->knows_function(group, LibraryId{lg_cell_library(&stack)}, function);
  }
  lg_verdict verdict{};
  lg_judge(matrix(), call.subject, number(call.right), known, &verdict);
  if (verdict.allowed) return {};
  return refuse(call, verdict);
}

// As the policy's action for the right says.
Decision Guard::refuse(const Call& call, const lg_verdict& verdict) {
  State& state = *state_;
  Action action = state.mode == Mode::kEnforce ? state.rules->action(call.right) : Action::kLog;
  state.deviations->report(call, verdict, state.programs[call.program].executable, action_name(action));
  if (action == Action::kLog) return {};
  return {action == Action::kKill ? Decision::kKill : Decision::kRefuse, EPERM};
}

// Ring 3: whoever called, and whoever called them, the process may not.
Decision Guard::refuse_unlisted(const Call& call) {
  lg_verdict verdict{};
  verdict.caller = call.subject->stack.caller;
  verdict.right = number(call.right);
  return refuse(call, verdict);
}

ProgramInfo Guard::on_program(const ProgramBirth& birth) {
  State& state = *state_;
  auto next = static_cast<uint32_t>(state.programs.size());
  auto [known, is_new] = state.numbers.try_emplace({birth.executable, birth.invoked_as}, next);
  if (is_new) state.programs.push_back({birth.executable, birth.invoked_as});
  if (state.code) state.code->on_program(birth.executable);
  LibraryId library = LibraryId::kUnknown;
  if (!birth.foreign_environment) library = state.resolver->resolve_executable(birth.executable);
  state.place_new_libraries();
  return {known->second, library};
}

void Guard::on_hello(uint32_t program, const lg_hello& hello, std::string_view image) {
  State& state = *state_;
  if (hello.runtime != LG_RUNTIME_CPYTHON) return;
  PythonRuntime runtime;
  runtime.executable = state.programs[program].executable;
  runtime.invoked_as = state.programs[program].invoked_as;
  runtime.image = image;
  runtime.major = static_cast<int>(hello.hexversion >> 24);
  runtime.minor = static_cast<int>(hello.hexversion >> 16 & 0xff);
  state.resolver->add_python(runtime);
  std::string name = "cpython " + std::to_string(runtime.major) + "." + std::to_string(runtime.minor) + "." +
                     std::to_string(hello.hexversion >> 8 & 0xff);
  bool seen = false;
  for (const std::string& other : state.runtimes) seen = seen || other == name;
  if (!seen) state.runtimes.push_back(name);
  state.place_new_libraries();
}

void Guard::watch_rules(std::function<void()> changed) { state_->rules_changed = std::move(changed); }

uint64_t Guard::resolve(uint32_t, uint32_t kind, std::string_view path, FileIdentity opened) {
  State& state = *state_;
  Resolved resolved;
  switch (kind) {
    case LG_RESOLVE_SOURCE:
      resolved = state.resolver->resolve_source(path, opened);
      break;
    case LG_RESOLVE_BYTECODE:
      resolved = state.resolver->resolve_bytecode(path, opened);
      break;
    case LG_RESOLVE_EXTENSION:
      resolved = state.resolver->resolve_extension(path, opened);
      break;
    case LG_RESOLVE_FROZEN:
      resolved = state.resolver->resolve_frozen(path);
      break;
    case LG_RESOLVE_NATIVE:
      resolved.library = state.resolver->resolve_native(path).library;
      break;
    case LG_RESOLVE_COMMAND:
      resolved = state.resolver->resolve_command(path);
      break;
    default:
      break;
  }
  state.place_new_libraries();
  uint32_t module = lg_fnv1a(LG_FNV_OFFSET, resolved.module.data(), resolved.module.size());
  if (!resolved.module.empty()) state.modules.emplace(module, resolved.module);
  return LG_RESOLVED(number(resolved.library), resolved.vouching, resolved.trusted, module);
}

std::string Guard::module_name(uint32_t module_hash) {
  auto found = state_->modules.find(module_hash);
  return found == state_->modules.end() ? std::string() : found->second;
}

std::string Guard::library_name(LibraryId id) {
  return number(id) < state_->table.size() ? state_->table.at(id).purl : std::string();
}

Status Guard::take_over(const std::vector<std::string>& purls) {
  State& state = *state_;
  uint16_t next = LG_FIRST_LIBRARY;
  for (const std::string& purl : purls)
    if (state.table.intern(purl) != LibraryId{next++})
      return fail(Code::kInvalid, "library " + purl + " would get another number than the kernel knows it by",
                  "start libguard of the same version as the supervisor that died");
  state.place_new_libraries();
  return {};
}

void Guard::begin() { state_->resolver->begin(); }

bool Guard::native_owner(std::string_view mapping_path, LibraryId* owner) {
  if (mapping_path == state_->options.client_path) return false;
  Resolver::Native native = state_->resolver->resolve_native(mapping_path);
  *owner = native.library;
  state_->place_new_libraries();
  return !native.transparent;
}

void Guard::on_birth(pid_t pid, bool forked) {
  if (state_->serving) state_->serving->forget(pid);
  if (state_->options.on_birth) state_->options.on_birth(pid, forked);
}

void Guard::on_exit(pid_t pid) {
  if (state_->serving) state_->serving->forget(pid);
}

void Guard::on_tamper(const Tamper& tamper) {
  const std::string& executable = tamper.program == kNoProgram ? "" : state_->programs[tamper.program].executable;
  state_->deviations->report_tamper(tamper, executable);
}

bool Guard::on_protected_write(std::string_view path) {
  if (WrittenDirectories::is_cache(path)) return false;
  if (state_->written) state_->written->note(path);
  return state_->mode == Mode::kDetect;
}

void Guard::on_phase(pid_t pid, uint32_t phase) {
  if (state_->serving && phase == LG_SERVING) state_->serving->on_serving(pid);
  state_->deviations->tell("phase", pid, std::string(phase_name(static_cast<Phase>(phase))));
  if (phase == LG_SERVING && killed_while_serving().empty())
    notice("serves", "process " + std::to_string(pid) + " serves: the rules for serving hold for it from here on");
}

void Guard::on_filter(pid_t pid, FilterFact fact, std::string_view trouble) {
  const std::string who = "process " + std::to_string(pid);
  std::string message = "on";
  if (fact == FilterFact::kNotOn) message = "not on: " + std::string(trouble);
  if (fact == FilterFact::kEndedBy) message = "ended the process (SIGSYS)";
  state_->deviations->tell("filter", pid, message);
  if (fact == FilterFact::kOn)
    notice("serves", who + " serves: by a filter of its own " + std::to_string(killed_while_serving().size()) +
                         " calls end it from here on");
  if (fact == FilterFact::kNotOn)
    notice("serves", who + " serves, judged by the supervisor alone. No filter of its own: " + std::string(trouble));
  if (fact == FilterFact::kEndedBy)
    notice("ended", who + " was ended by its own filter (SIGSYS): it made a call that is not on the list for serving");
}

void Guard::on_listen(pid_t pid) {
  if (state_->options.on_listen) state_->options.on_listen(pid);
}

bool Guard::on_wait(pid_t pid) { return state_->options.on_wait && state_->options.on_wait(pid); }

void Guard::on_trouble(pid_t pid, std::string_view trouble) {
  state_->deviations->tell("phase", pid, std::string(trouble));
  notice("trouble", "process " + std::to_string(pid) + ": " + std::string(trouble));
}

// Once per subject: servers have many processes that are alike.
void Guard::notice(const char* subject, const std::string& text) {
  if (state_->noticed.insert(subject).second && state_->options.on_notice) state_->options.on_notice(text);
}

Guard::Progress Guard::progress() const {
  Progress progress;
  if (state_->recorder) {
    Recorder::Progress learned = state_->recorder->progress();
    progress = {learned.libraries, learned.pairs, learned.new_pairs, 0};
  }
  progress.deviations = state_->deviations->total();
  return progress;
}

Guard::Summary Guard::finish(const Counters& backend_losses) {
  State& state = *state_;
  Summary summary;
  for (const auto& [cause, count] : backend_losses)
    if (count != 0) summary.losses[cause] = count;
  if (state.table.overflowed() != 0) summary.losses["libraries_over_limit"] = state.table.overflowed();
  if (state.resolver->unreadable() != 0) summary.losses["metadata_unreadable"] = state.resolver->unreadable();
  if (state.serving && state.serving->broken_stacks() != 0)
    summary.losses["native_stacks_cut"] = state.serving->broken_stacks();
  if (state.deviations->unwritten() != 0) summary.losses["events_unwritten"] = state.deviations->unwritten();
  for (const auto& [cause, count] : summary.losses)
    state.deviations->tell("lost", 0, cause + ": " + std::to_string(count));
  state.deviations->finish();
  summary.deviations = state.deviations->total();
  summary.kinds = state.deviations->kinds();
  if (state.recorder) {
    Profile profile = state.recorder->profile();
    profile.code = state.code->files();
    profile.serving = state.serving->programs();
    profile.target.command = state.options.command;
    profile.target.kernel = kernel_release();
    profile.target.runtimes = state.runtimes;
    profile.target.everyday = state.options.everyday;
    profile.target.masters = state.options.masters;
    WrittenDirectories::Found written = state.written->find();
    profile.target.data = std::move(written.data);
    summary.beside_code = std::move(written.beside_code);
    profile.target.serving_starts = state.options.serving_starts;
    for (const auto& [cause, count] : summary.losses) profile.completeness[cause] += count;
    Profile::Run run;
    run.started = utc_timestamp(state.started_ms);
    run.seconds = static_cast<double>(unix_milliseconds_now() - state.started_ms) / 1000;
    run.calls = state.calls;
    run.tool = "libguard " LIBGUARD_VERSION;
    profile.runs.push_back(std::move(run));
    summary.profile = std::move(profile);
  }
  return summary;
}

}  // namespace libguard
