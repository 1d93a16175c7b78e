// SPDX-License-Identifier: Apache-2.0
// One event per kind of deviation; repeats raise its count and are written at powers of ten and at the end.
//
// Way:     events -> stack -> verdict -> *action*.
// Thread:  the serving thread only.
// Failure: see deviations.h.
#include "core/deviations.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bpf/judge.h"
#include "core/base/text.h"
#include "core/policy/explain.h"

namespace libguard {
namespace {

constexpr size_t kMaxKinds = 20000;

template <class T>
void append(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

Deviations::Deviations(DeviationOptions options, const LibraryTable& table)
    : options_(std::move(options)), table_(table) {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  host_ = name;
}

Deviations::~Deviations() {
  if (file_ != nullptr) std::fclose(file_);
}

Status Deviations::open() {
  if (options_.events_path.empty()) return {};
  file_ = std::fopen(options_.events_path.c_str(), "ae");
  if (file_ == nullptr)
    return fail(Code::kIo, "cannot write events to " + options_.events_path + ": " + std::strerror(errno),
                "name a file in a directory that you may write to");
  return {};
}

void Deviations::report(const Call& call, const lg_verdict& verdict, const std::string& executable,
                        std::string_view action) {
  total_ += call.count;
  std::string key;
  append(key, call.right);
  append(key, call.program);
  append(key, verdict.caller);
  append(key, call.subject->stack.direct);
  append(key, call.subject->stack.direct_function);
  if (verdict.function_is_culprit) append(key, call.subject->stack.caller_function);
  append(key, verdict.stack_culprits);
  append(key, verdict.spawned_culprits);
  auto found = kinds_.find(key);
  if (found == kinds_.end()) {
    if (kinds_.size() >= kMaxKinds) {
      unwritten_++;
      return;
    }
    Kind kind;
    kind.event = describe(call, verdict, executable);
    kind.event.action = action;
    found = kinds_.emplace(std::move(key), std::move(kind)).first;
    if (options_.on_event) options_.on_event(found->second.event);
  }
  count(found->second, call.count);
}

void Deviations::count(Kind& kind, uint64_t more) {
  const size_t digits = kind.count == 0 ? 0 : std::to_string(kind.count).size();
  kind.count += more;
  if (std::to_string(kind.count).size() == digits) return;
  kind.event.count = kind.written = kind.count;
  kind.event.time = utc_timestamp(unix_milliseconds_now());
  write(kind.event);
}

// Tampering is not judged: the event says what was tried and who called; no grant can allow it.
void Deviations::report_tamper(const Tamper& tamper, const std::string& executable) {
  total_++;
  const lg_stack& stack = tamper.subject->stack;
  std::string key = "tamper " + std::string(tamper.what) + " " + std::string(tamper.path) + " " + executable;
  append(key, stack.caller);
  append(key, stack.direct);
  append(key, stack.direct_function);
  auto found = kinds_.find(key);
  if (found == kinds_.end()) {
    if (kinds_.size() >= kMaxKinds) {
      unwritten_++;
      return;
    }
    Call call{};
    call.pid = tamper.pid;
    call.tid = tamper.tid;
    call.right = tamper.right;
    call.nr = tamper.nr;
    call.subject = tamper.subject;
    call.reader = tamper.reader;
    lg_verdict verdict{};
    verdict.caller = stack.caller;
    Kind kind;
    Event& event = kind.event;
    event = describe(call, verdict, executable);
    event.action = tamper.refused ? "deny" : "log";
    event.culprits = {{event.caller, std::string(kTamperRole)}};
    if (stack.caller == LG_RUNTIME)  // whom it acts for
      for (LibraryId id : LibrarySet(tamper.subject->inherited).ids())
        event.culprits.push_back({table_.at(id).purl, std::string(kTamperRole)});
    event.library_purl = event.culprits.back().purl;
    event.role = kTamperRole;
    event.library_path = table_.at(table_.find(event.library_purl)).path;
    event.grant.clear();
    event.message =
        tamper.path.empty() ? std::string(tamper.what) : std::string(tamper.what) + ": " + std::string(tamper.path);
    if (!tamper.detail.empty()) event.message += " (first " + std::string(tamper.detail) + ")";
    event.id = event_id(event);
    found = kinds_.emplace(std::move(key), std::move(kind)).first;
    if (options_.on_event) options_.on_event(found->second.event);
  }
  count(found->second, 1);
}

Event Deviations::describe(const Call& call, const lg_verdict& verdict, const std::string& executable) const {
  Event event;
  event.time = utc_timestamp(unix_milliseconds_now());
  event.kind = "deviation";
  event.mode = mode_name(options_.mode);
  event.phase = phase_name(static_cast<Phase>(call.subject->phase));
  event.host = host_;
  event.pid = call.pid;
  event.tid = call.tid;
  event.exe = executable;
  event.caller = table_.at(LibraryId{verdict.caller}).purl;
  event.right_name = right_name(call.right);
  event.right_group = group_name(group_of(call.right));
  event.right_nr = call.nr;
  event.policy_digest = options_.policy_digest;
  for (const Frame& frame : call.reader->frames()) {
    EventFrame entry{table_.at(frame.library).purl, frame.name};
    bool repeated =
        !event.stack.empty() && event.stack.back().purl == entry.purl && event.stack.back().frame == entry.frame;
    if (!repeated) event.stack.push_back(std::move(entry));
  }
  name_culprits(call, verdict, event);
  event.id = event_id(event);
  const bool native =
      std::none_of(event.stack.begin(), event.stack.end(), [](const EventFrame& f) { return !f.frame.empty(); });
  if (native && !is_listed(call) && call.waits && options_.native) event.native = options_.native(call);
  return event;
}

bool Deviations::is_listed(const Call& call) const {
  return options_.rules == nullptr || options_.rules->is_listed(static_cast<Phase>(call.subject->phase), call.right);
}

// Culprits in the order of the stack, innermost first, then those that are not on it.
void Deviations::name_culprits(const Call& call, const lg_verdict& verdict, Event& event) const {
  auto add = [&](const std::string& purl, const char* role) {
    for (const Culprit& culprit : event.culprits)
      if (culprit.purl == purl && culprit.role == role) return;
    event.culprits.push_back({purl, role});
  };
  if (!is_listed(call)) add(event.caller, "process");
  if (verdict.caller_is_culprit) add(event.caller, "caller");
  if (verdict.function_is_culprit) add(table_.at(LibraryId{lg_cell_library(&call.subject->stack)}).purl, "function");
  LibrarySet on_stack(verdict.stack_culprits), spawned(verdict.spawned_culprits);
  for (const EventFrame& frame : event.stack)
    for (LibraryId id : on_stack.ids())
      if (table_.at(id).purl == frame.purl) add(frame.purl, "stack");
  for (LibraryId id : on_stack.ids()) add(table_.at(id).purl, "stack");
  for (LibraryId id : spawned.ids()) add(table_.at(id).purl, "spawned");
  if (event.culprits.empty()) return;
  // A named library tells more than the fixed ones: prefer it as the event's subject.
  const Culprit* subject = &event.culprits.front();
  for (const Culprit& culprit : event.culprits) {
    if (culprit.purl.rfind("pkg:", 0) != 0) continue;
    subject = &culprit;
    break;
  }
  event.library_purl = subject->purl;
  event.role = subject->role;
  event.library_path = table_.at(table_.find(subject->purl)).path;
  if (options_.rules == nullptr) return;
  event.grant = options_.rules->grant_line(event);
  if (event.grant.empty()) event.message = advice_without_grant(event);
}

void Deviations::tell(std::string_view kind, int pid, const std::string& message) {
  Event event;
  event.time = utc_timestamp(unix_milliseconds_now());
  event.kind = kind;
  event.mode = mode_name(options_.mode);
  event.host = host_;
  event.pid = pid;
  event.message = message;
  event.policy_digest = options_.policy_digest;
  write(event);
}

void Deviations::write(const Event& event) {
  if (file_ == nullptr) return;
  std::string line = to_json_line(event) + "\n";
  bool written = std::fwrite(line.data(), 1, line.size(), file_) == line.size() && std::fflush(file_) == 0;
  if (written) return;
  if (unwritten_++ == 0)
    std::fprintf(stderr, "libguard: cannot write events to %s: %s; refusing goes on, events are lost\n",
                 options_.events_path.c_str(), std::strerror(errno));
  std::clearerr(file_);
}

void Deviations::finish() {
  for (auto& [key, kind] : kinds_) {
    if (kind.count == kind.written) continue;
    kind.event.count = kind.written = kind.count;
    write(kind.event);
  }
}

}  // namespace libguard
