// SPDX-License-Identifier: Apache-2.0
// BpfCompanion: hands to the kernel what the supervisor knows, and takes back what the kernel saw.
//
// Way:     *events -> stack -> verdict* in the kernel for some rights; the notify backend does the rest.
// Thread:  the serving thread.
// Failure: see companion.h; make() says what this kernel cannot do.
#pragma once

#include <memory>
#include <optional>

#include "core/backend/bpf/kernel_side.h"
#include "core/backend/bpf/observations.h"
#include "core/backend/companion.h"

namespace libguard {

struct BpfOptions {
  RightSet rights;                   // judged and recorded in the kernel
  RightSet killed;                   // of these, the policy kills whoever is refused one
  const lg_matrix* matrix;           // copied whenever its rows change
  bool record = false;               // count every call of these rights
  bool judge = false;                // detect or enforce
  bool refuse = false;               // enforce: only rights that a hook refuses are kept
  std::optional<PythonProbes> feed;  // of the interpreter whose stacks its probes push and pop; else they are walked
};

class BpfCompanion final : public Companion {
 public:
  // Its rights() may be fewer than asked for; null: this kernel refuses none of them.
  static Result<std::unique_ptr<BpfCompanion>> make(BpfOptions options, Handler& handler);

  const RightSet& rights() const override { return options_.rights; }
  Status begin(pid_t pid, bool door, Namer namer, Looker looker) override;
  void on_program(const CompanionProgram& program) override;
  void on_hello(pid_t pid, ProcessMemory& memory, const lg_hello& hello) override;
  void on_phase(pid_t pid, uint32_t phase) override;
  void on_handoff(pid_t tid, const lg_handoff& handoff) override;
  void on_rules() override;
  int wake_fd() const override { return kernel_->ring_fd(); }
  void drain() override { observations_.drain(); }
  void settle() override { observations_.settle(); }
  Counters counters() const override;

 private:
  BpfCompanion(BpfOptions options, std::unique_ptr<KernelSide> kernel, Handler& handler);
  void write_settings();
  void write_names();

  BpfOptions options_;
  Handler& handler_;
  uint16_t named_ = LG_FIRST_LIBRARY;  // the next number whose library the kernel side was not told
  std::unique_ptr<KernelSide> kernel_;
  Observations observations_;
  uint64_t handed_over_lost_ = 0;
  uint64_t walked_instead_ = 0;  // programs whose interpreter has no probes, or not those
};

}  // namespace libguard
