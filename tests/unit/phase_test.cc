// SPDX-License-Identifier: Apache-2.0
// The start of the serving phase: its words, READY=1, and processes that listen, rest, work, or never do.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <set>

#include "core/phase/ready_socket.h"
#include "core/phase/serving_watch.h"

namespace libguard {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

TEST(ServingStart, ReadsItsWords) {
  EXPECT_EQ(find_serving_start("")->kind, ServingStart::kTold);
  EXPECT_EQ(find_serving_start("auto")->kind, ServingStart::kAuto);
  EXPECT_EQ(find_serving_start("ready")->kind, ServingStart::kReady);
  EXPECT_EQ(find_serving_start("quiescence")->kind, ServingStart::kQuiescence);
  EXPECT_EQ(find_serving_start("listen:7")->after_listen, std::chrono::seconds(7));
  EXPECT_EQ(find_serving_start("function:main.serve")->function, "main.serve");
  for (const char* wrong :
       {"soon", "listen:", "listen:x", "listen:1x", "listen:-1", "listen:999999", "function:", "Auto"})
    EXPECT_FALSE(find_serving_start(wrong)) << wrong;
}

TEST(ReadySocketTest, ReadyIsAWholeLine) {
  EXPECT_TRUE(says_ready("READY=1"));
  EXPECT_TRUE(says_ready("STATUS=up\nREADY=1\n"));
  for (const char* other : {"", "READY=0", "READY=12", "STATUS=READY=1", "\n\n", "XREADY=1\nMAINPID=4"})
    EXPECT_FALSE(says_ready(other)) << other;
}

int bound_datagram(const std::string& abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, abstract.data(), abstract.size());
  int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract.size());
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  return fd;
}

void send_to(const std::string& at, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, at.data(), at.size());
  address.sun_path[0] = 0;
  int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + at.size());
  EXPECT_EQ(::sendto(fd, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&address), length),
            static_cast<ssize_t>(text.size()));
  ::close(fd);
}

TEST(ReadySocketTest, TellsAndPassesOn) {
  const std::string name = "libguard-test-manager-" + std::to_string(::getpid());
  int manager = bound_datagram(name);
  std::atomic<int> told{0};
  auto socket = ReadySocket::make("@" + name, [&told] { told++; });
  ASSERT_TRUE(socket);
  ASSERT_TRUE((*socket)->start());
  char heard[64];
  for (std::string_view text : {"STATUS=starting", "READY=1\nMAINPID=7"}) {
    send_to((*socket)->address(), text);
    ssize_t size = ::recv(manager, heard, sizeof(heard), 0);
    EXPECT_EQ(std::string_view(heard, static_cast<size_t>(size)), text);
  }
  EXPECT_EQ(told, 1);
  ::close(manager);
}

// A child of ours that does something until it is killed.
class Guest {
 public:
  template <typename Work>
  explicit Guest(Work work) : pid_(::fork()) {
    if (pid_ != 0) return;
    work();
    for (;;) ::pause();
  }
  ~Guest() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

int listen_tcp() {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  ::listen(fd, 4);
  return fd;
}

int listen_unix() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t));  // an address of the kernel's choice
  ::listen(fd, 4);
  return fd;
}

void work_for_ever() {
  for (std::atomic<uint64_t> turns = 0;;) turns++;
}

class Watching : public ::testing::Test {
 protected:
  void start(std::string_view how, std::vector<std::string> masters = {}) {
    watch_ = std::make_unique<ServingWatch>(*find_serving_start(how), std::move(masters), [this](pid_t pid) {
      std::lock_guard lock(mutex_);
      serving_.insert(pid);
    });
    ASSERT_TRUE(watch_->start());
  }
  bool serves(const Guest& guest) {
    std::lock_guard lock(mutex_);
    return serving_.count(guest.pid()) != 0;
  }
  bool serves_within(const Guest& guest, milliseconds time) {
    const auto end = Clock::now() + time;
    while (!serves(guest) && Clock::now() < end) ::usleep(10000);
    return serves(guest);
  }

  std::mutex mutex_;
  std::set<pid_t> serving_;
  std::unique_ptr<ServingWatch> watch_;
};

TEST_F(Watching, AServerServesWhenItRests) {
  start("quiescence");
  Guest tcp([] { listen_tcp(); }), local([] { listen_unix(); });
  watch_->met(tcp.pid(), false);
  watch_->met(local.pid(), true);
  EXPECT_TRUE(serves_within(tcp, milliseconds(10000)));
  EXPECT_TRUE(serves_within(local, milliseconds(10000)));
}

TEST_F(Watching, WhoWorksOrDoesNotListenStillStarts) {
  start("auto");
  Guest works([] {
    listen_tcp();
    work_for_ever();
  }),
      idle([] {});
  Guest bound([] { ::socket(AF_INET, SOCK_STREAM, 0); });
  for (const Guest* guest : {&works, &idle, &bound}) watch_->met(guest->pid(), false);
  ::usleep(1500000);
  EXPECT_FALSE(serves(works));
  EXPECT_FALSE(serves(idle));
  EXPECT_FALSE(serves(bound));
}

TEST_F(Watching, SecondsAfterTheFirstListenEvenIfItWorks) {
  start("listen:1");
  Guest works([] {
    listen_tcp();
    work_for_ever();
  });
  watch_->met(works.pid(), false);
  ::usleep(500000);
  EXPECT_FALSE(serves(works));
  EXPECT_TRUE(serves_within(works, milliseconds(10000)));
}

TEST_F(Watching, ReadyIsForAllThatWereMet) {
  start("ready");
  Guest first([] { listen_tcp(); }), later([] { listen_tcp(); });
  watch_->met(first.pid(), false);
  ::usleep(800000);
  EXPECT_FALSE(serves(first));
  watch_->ready();
  EXPECT_TRUE(serves(first));
  watch_->met(later.pid(), true);
  EXPECT_TRUE(serves_within(later, milliseconds(10000)));
}

TEST_F(Watching, AMasterStaysInInitAndItsForksDoNot) {
  start("quiescence", {"unit_phase"});
  Guest master([] { listen_tcp(); }), worker([] { listen_tcp(); });
  watch_->met(master.pid(), false);
  watch_->met(worker.pid(), true);
  EXPECT_TRUE(serves_within(worker, milliseconds(10000)));
  EXPECT_FALSE(serves(master));
}

TEST_F(Watching, ThousandsThatEndAreForgotten) {
  start("quiescence");
  for (int i = 0; i < 20000; i++) watch_->met(1 << 23 | i, true);  // above any pid
  Guest server([] { listen_tcp(); });
  watch_->met(server.pid(), false);
  EXPECT_TRUE(serves_within(server, milliseconds(20000)));
  EXPECT_EQ(serving_.size(), 1u);
}

}  // namespace
}  // namespace libguard
