// SPDX-License-Identifier: Apache-2.0
// KernelSide: the programs of bpf/guard.bpf.c, loaded and attached, and their maps.
//
// Way:     *events -> stack -> verdict*: the judging happens in the kernel; here are the handles.
// Thread:  the serving thread.
// Failure: load() says what the kernel refused; a map that is full makes calls `unknown` there.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpf/kernel.h"
#include "core/backend/bpf/hooks.h"
#include "core/backend/bpf/python_probes.h"
#include "core/base/result.h"

struct bpf_link;
struct guard_bpf;
struct ring_buffer;

namespace libguard {

// Entries of the maps that can fill up; 0: as bpf/kernel.h says.
struct KernelLimits {
  uint32_t states = 0, pairs = 0, ring_bytes = 0, processes = 0, refusals = 0;
};

class KernelSide {
 public:
  // May this process load programs at all? Two instructions are tried: an ordinary user need not wait until the types
  // of the kernel are read.
  static Status permitted();
  // Loads and attaches; at the stubs, and of the hooks those that have a kind; `feed`: to these probes as well. Error:
  // no right to, a kernel without what is needed, or a pid namespace of its own.
  static Result<std::unique_ptr<KernelSide>> load(const Refusers& refusers = {}, const KernelLimits& limits = {},
                                                  const PythonProbes* feed = nullptr);
  // Of a guard whose supervisor died: what it pinned in `directory`. Its rules are not touched any more.
  static Result<std::unique_ptr<KernelSide>> take_over(const std::string& directory);
  ~KernelSide();
  KernelSide(const KernelSide&) = delete;
  KernelSide& operator=(const KernelSide&) = delete;

  // From now on the programs outlive this process as long as one is guarded.
  Status pin();

  lg_settings& settings() { return *settings_; }  // takes effect as it is written
  lg_matrix& matrix() { return *matrix_; }

  // Guards a process; `image` LG_IMAGE_DOOR or 1.
  Status guard(pid_t pid, uint32_t image);
  uint32_t image_of(pid_t pid) const;  // LG_IMAGE_DOOR if it is not guarded (any more)
  std::vector<std::pair<pid_t, lg_kernel_process>> processes() const;
  void set_name(uint32_t library, const std::string& purl);
  std::string name(uint32_t library) const;  // "" if none was set
  bool set_image(uint32_t number, const lg_image& image);
  lg_image image(uint32_t number) const;  // zeros if there is none
  bool set_phase(pid_t pid, uint32_t phase);
  bool set_handoff(pid_t tid, const lg_handoff& handoff);
  void clear_handoff(pid_t tid);

  // The last hook of these calls may wait.
  void judge_again(const std::vector<int>& calls);
  // For the canary: the kernel refuses these calls to one library.
  void refuse_calls(const std::vector<int>& calls, uint16_t library, int error);
  void forget_observations();

  int ring_fd() const;
  void drain(const std::function<void(const lg_first_call&)>& take);
  std::vector<std::pair<lg_pair, uint64_t>> pairs() const;
  // What the number of a state stands for, for all states.
  std::vector<std::pair<uint32_t, lg_state>> states() const;
  lg_kernel_counts counts() const;
  // How often the kernel did not run one of the programs where it should have: 0 where it is not preemptible.
  uint64_t passed_over() const;

 private:
  KernelSide() = default;
  Status map_values();
  Status open_ring();
  void choose_programs(const Refusers& refusers);
  void set_limits(const KernelLimits& limits);
  Status attach_probes(const PythonProbes& feed);
  Status attach_to_cgroup();
  Status attach_to_stubs(const std::vector<int>& calls);

  guard_bpf* skeleton_ = nullptr;    // null: taken over
  std::map<std::string, int> maps_;  // descriptors by name
  std::string pinned_;               // directory; empty: not pinned
  std::vector<bpf_link*> probes_;
  ring_buffer* ring_ = nullptr;
  std::function<void(const lg_first_call&)> take_;
  lg_settings* settings_ = nullptr;
  lg_matrix* matrix_ = nullptr;
};

}  // namespace libguard
