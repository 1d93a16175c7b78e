// SPDX-License-Identifier: Apache-2.0
// Guard: one protected process tree. Holds policy, library table and programs; judges what the backend sees.
//
// Way:     events -> stack -> *verdict -> action*: every call that is not free for everybody comes through decide().
// Thread:  the Handler functions on the backend's serving thread; progress() from any thread; the rest before or after.
// Failure: create() refuses what cannot be enforced; at run time losses are counted and count against the caller.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/backend/backend.h"
#include "core/event/event.h"
#include "core/library/resolver.h"
#include "core/policy/policy.h"
#include "core/profile/profile.h"
#include "core/rights/seccomp_filter.h"  // Outcome

namespace libguard {

struct GuardOptions {
  std::optional<Mode> mode;            // overrides the policy's
  std::optional<Policy> policy;        // absent: nothing is judged
  std::optional<Profile> profile;      // the one the policy pins, if it does
  bool record = false;                 // learn a profile
  bool everyday = false;               // record @base and @io too
  std::vector<std::string> command;    // what is run, for the profile
  std::string application_dir;         // absolute; empty: no application files
  std::string home;                    // of the user, for packages in ~/.local; may be empty
  std::string client_path;             // libguard_preload.so: speaks for nobody on a C stack
  std::vector<std::string> own_files;  // absolute: policy, profile, our own executables; protected under enforce
  std::string events_path;             // JSON lines; empty: none
  std::vector<std::string> masters;    // prefork masters that keep init; for the profile
  std::string serving_starts;          // for the profile; as find_serving_start() reads it
  std::function<void(pid_t, bool forked)> on_birth;   // see Handler::on_birth
  std::function<void(pid_t)> on_listen;               // see Handler::on_listen
  std::function<bool(pid_t)> on_wait;                 // see Handler::on_wait
  std::function<void(const std::string&)> on_notice;  // what a user should hear once: the first process that serves
  std::function<void(const Event&)> on_event;         // each new kind of deviation, on the serving thread
};

class Guard final : public Handler {
 public:
  static Result<std::unique_ptr<Guard>> create(GuardOptions options);
  ~Guard() override;

  // The command is about to start: what its first calls will need is read meanwhile. Makes a thread.
  void begin();

  // Of a guard that another supervisor began: the libraries it had numbered, from LG_FIRST_LIBRARY on. Before anything
  // else is named.
  Status take_over(const std::vector<std::string>& purls);

  const lg_matrix* matrix() const;
  std::vector<Outcome> outcomes() const;  // for the seccomp filter, per right
  Mode mode() const;
  Action action(Right right) const;  // of a verdict of culprits, under enforce; else kLog
  bool recording() const;
  bool looks_at_writes() const;              // by path: to refuse them, to report them, or to learn where they go
  bool is_listed_always(Right right) const;  // on the whitelists of all phases
  // Calls for which a process that serves is ended by a filter of its own: not on the list, and the action is kill.
  // None if it may start programs then: a program would keep the filter.
  std::set<uint32_t> killed_while_serving() const;
  bool grants(lg_group group) const;  // does the policy let anybody but the runtime have some of it?
  std::optional<std::string> denied_to(Right right) const;  // whom a `deny` of the policy takes it from, if anybody

  Decision decide(const Call& call) override;
  ProgramInfo on_program(const ProgramBirth& birth) override;
  void on_hello(uint32_t program, const lg_hello& hello, std::string_view image) override;
  int64_t hello_answer() override;
  // Code, policy, profile, events, libguard itself; none where nobody would hear of it.
  std::vector<std::string> protected_paths() override;
  std::vector<std::string> data_directories() override;
  uint64_t resolve(uint32_t program, uint32_t kind, std::string_view path, FileIdentity opened) override;
  std::string module_name(uint32_t module_hash) override;
  std::string library_name(LibraryId id) override;
  bool native_owner(std::string_view mapping_path, LibraryId* owner) override;
  void on_birth(pid_t pid, bool forked) override;
  void on_exit(pid_t pid) override;
  void on_tamper(const Tamper& tamper) override;
  bool on_protected_write(std::string_view path) override;
  void on_phase(pid_t pid, uint32_t phase) override;
  void on_listen(pid_t pid) override;
  bool on_wait(pid_t pid) override;
  void on_trouble(pid_t pid, std::string_view trouble) override;
  void on_filter(pid_t pid, FilterFact fact, std::string_view trouble) override;
  void watch_rules(std::function<void()> changed) override;

  struct Progress {
    size_t libraries = 0, pairs = 0, new_pairs = 0;
    uint64_t deviations = 0;
  };
  Progress progress() const;

  struct Summary {
    uint64_t deviations = 0;               // all, repeats included
    size_t kinds = 0;                      // different ones
    Counters losses;                       // causes with a count above 0
    std::optional<Profile> profile;        // when recording
    std::vector<std::string> beside_code;  // when recording: entries that were written beside code
  };
  // Ends the guard: final counts to the event file, the profile with `losses` as its completeness.
  Summary finish(const Counters& backend_losses);

 private:
  struct State;
  Decision refuse(const Call& call, const lg_verdict& verdict);
  Decision refuse_unlisted(const Call& call);
  void notice(const char* subject, const std::string& text);
  explicit Guard(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace libguard
