// SPDX-License-Identifier: Apache-2.0
// Observations: what the kernel counted, told to the handler as calls with a count.
//
// Way:     stack -> *profile*, verdict -> *event*: the same Handler::decide as under notify.
// Thread:  the serving thread.
// Failure: a kind whose sample was lost is told without frames; a program that nobody could look at is `unknown`.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/backend/bpf/kernel_side.h"
#include "core/backend/companion.h"

namespace libguard {

class Observations {
 public:
  Observations(KernelSide& kernel, Handler& handler) : kernel_(kernel), handler_(handler) {}

  void set_namer(Companion::Namer namer) { namer_ = std::move(namer); }
  void set_looker(Companion::Looker looker) { looker_ = std::move(looker); }
  // What the number of an exec stands for.
  void know(uint32_t image, const CompanionProgram& program);
  void greeted(uint32_t image);
  bool knows(uint32_t image) const { return images_.count(image) != 0; }

  void drain();   // first calls, from the ring
  void settle();  // all counts; `unknown` stands for programs that ended before anybody looked at them

  uint64_t unsampled() const { return unsampled_; }
  uint64_t unnamed() const { return unnamed_; }

 private:
  struct Image {
    CompanionProgram program;
    bool greeted = false;
  };
  struct Kind {
    lg_first_call call;
    std::vector<Frame> frames;
    uint64_t told = 0;
  };

  void take(const lg_first_call& call);
  void name(Kind& kind);
  void look_at_program(const lg_first_call& call);
  void complete(Kind& kind) const;
  void tell(Kind& kind, uint64_t count);
  Kind& without_sample(const lg_pair& pair);

  KernelSide& kernel_;
  Handler& handler_;
  Companion::Namer namer_;
  Companion::Looker looker_;
  std::unordered_map<uint32_t, Image> images_;
  std::unordered_map<uint64_t, std::unique_ptr<Kind>> kinds_;  // by the bytes of their pair
  std::unordered_map<uint32_t, std::string> names_;
  std::unordered_map<uint32_t, lg_state> states_;  // read when a sample is missing
  uint64_t unsampled_ = 0, unnamed_ = 0;
};

}  // namespace libguard
