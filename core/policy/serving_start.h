// SPDX-License-Identifier: Apache-2.0
// ServingStart: what makes a process serving, as policies and `--phases` say it.
//
// Way:     what the user types -> *phase*.
// Thread:  plain value, pure functions.
// Failure: find_serving_start() answers nothing for a word that it does not know.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace libguard {

struct ServingStart {
  enum Kind : uint8_t {
    kTold,        // "": libguard.serving() or `libguard phase`, which count in all the others too
    kAuto,        // "auto": the first of READY=1, quiescence, and 30 s after the first listen
    kReady,       // "ready": READY=1 at NOTIFY_SOCKET (sd_notify)
    kQuiescence,  // "quiescence": listens, and nothing has run for a while; at the latest 30 s after the first listen
    kListen,      // "listen:SECONDS": that long after the first listen
    kFunction,    // "function:NAME": native symbol or Java method
  } kind = kTold;
  std::chrono::seconds after_listen{30};
  std::string function;
};

inline constexpr const char* kServingStarts = "auto, ready, quiescence, listen:SECONDS or function:NAME";

std::optional<ServingStart> find_serving_start(std::string_view text);

}  // namespace libguard
