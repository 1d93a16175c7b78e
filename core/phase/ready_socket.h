// SPDX-License-Identifier: Apache-2.0
// ReadySocket: stands where the service manager's notification socket stood, hears READY=1 and passes everything on.
//
// Way:     *events -> phase*: sd_notify in the guarded program -> here -> service manager, if there is one.
// Thread:  one of its own from start() on; `ready` is called on it.
// Failure: make() and start() say what cannot be had; a message that cannot be passed on is dropped, as datagrams are.
//
// The service manager believes messages of the main process, and that is the supervisor.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/result.h"

namespace libguard {

class ReadySocket {
 public:
  // `manager`: the address that NOTIFY_SOCKET names; empty: nobody.
  static Result<std::unique_ptr<ReadySocket>> make(const std::string& manager, std::function<void()> ready);
  ~ReadySocket();
  Status start();  // the thread

  // What NOTIFY_SOCKET must say in the guarded program: an abstract address ("@...").
  const std::string& address() const { return address_; }

 private:
  ReadySocket(int fd, int wake, std::string address, std::string manager, std::function<void()> ready);
  void run();
  void receive();
  void pass_on(const char* bytes, size_t size, int* descriptors, size_t count);

  int fd_, wake_;
  std::string address_, manager_;
  std::function<void()> ready_;
  std::thread thread_;
};

// Has the message a line READY=1?
bool says_ready(std::string_view message);

}  // namespace libguard
