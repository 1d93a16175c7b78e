// SPDX-License-Identifier: Apache-2.0
// Every form of every call that the kernel is said to refuse: refused, with the errno asked, before any effect; and no
// other call is. LIBGUARD_REFUSED_BY in the environment: there must be hooks. Needs root.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/bpf_refusing.h"

namespace libguard {
namespace {

// What the forms act on, opened before anything is refused.
struct Things {
  std::string folder, file, fresh, socket_path;
  int directory = -1, readable = -1, writable = -1, pipe_end = -1, stream = -1, datagram = -1, tcp = -1, netlink = -1,
      packet = -1, pair[2] = {-1, -1};
};

struct Form {
  const char* name;
  int nr;
  std::function<long(const Things&)> call;
};

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
sockaddr_un named(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}
template <class Address>
const sockaddr* plain(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

long send_message(const Things& things, bool many) {
  char byte = 'x';
  iovec part{&byte, 1};
  mmsghdr message{};
  message.msg_hdr.msg_iov = &part;
  message.msg_hdr.msg_iovlen = 1;
  if (many) return syscall(SYS_sendmmsg, things.pair[0], &message, 1, 0);
  return syscall(SYS_sendmsg, things.pair[0], &message.msg_hdr, 0);
}

long set_schedule(int nr) {
  sched_param parameter{};
  struct {
    uint32_t size = 48, policy = SCHED_OTHER;
    uint64_t flags = 0;
    int32_t nice = 0;
    uint32_t priority = 0;
    uint64_t runtime = 0, deadline = 0, period = 0;
  } attributes;
  cpu_set_t all;
  sched_getaffinity(0, sizeof(all), &all);
  if (nr == SYS_sched_setscheduler) return syscall(nr, 0, SCHED_OTHER, &parameter);
  if (nr == SYS_sched_setaffinity) return syscall(nr, 0, sizeof(all), &all);
  if (nr == SYS_sched_setattr) return syscall(nr, 0, &attributes, 0);
  return syscall(nr, 0, &parameter);
}

long set_limit(bool by_prlimit) {
  rlimit limit{0, 0};
  if (by_prlimit) return syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, nullptr);
  return syscall(SYS_setrlimit, RLIMIT_CORE, &limit);
}

#define FORM(name, nr, ...)                 \
  {                                         \
    name, nr, [](const Things& t) -> long { \
      (void)t;                              \
      return __VA_ARGS__;                   \
    }                                       \
  }

const std::vector<Form>& opens() {
  static const std::vector<Form> all = {
      FORM("open to read", SYS_open, syscall(SYS_open, t.file.c_str(), O_RDONLY)),
      FORM("open to write", SYS_open, syscall(SYS_open, t.file.c_str(), O_WRONLY | O_TRUNC)),
      FORM("open a new file", SYS_open, syscall(SYS_open, t.fresh.c_str(), O_RDWR | O_CREAT, 0600)),
      FORM("openat to read", SYS_openat, syscall(SYS_openat, AT_FDCWD, t.file.c_str(), O_RDONLY)),
      FORM("openat below a descriptor", SYS_openat, syscall(SYS_openat, t.directory, "file", O_RDONLY)),
      FORM("openat a new file", SYS_openat, syscall(SYS_openat, t.directory, "fresh", O_WRONLY | O_CREAT, 0600)),
      FORM("openat O_TRUNC", SYS_openat, syscall(SYS_openat, t.directory, "file", O_WRONLY | O_TRUNC)),
      FORM("openat O_PATH", SYS_openat, syscall(SYS_openat, AT_FDCWD, t.file.c_str(), O_PATH)),
      FORM("openat a directory", SYS_openat, syscall(SYS_openat, AT_FDCWD, t.folder.c_str(), O_DIRECTORY)),
      FORM("openat the directory itself", SYS_openat, syscall(SYS_openat, t.directory, ".", O_RDONLY)),
      FORM("openat O_TMPFILE", SYS_openat, syscall(SYS_openat, t.directory, ".", O_TMPFILE | O_RDWR, 0600)),
      FORM("openat a device", SYS_openat, syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY)),
      FORM("openat by /proc/self/fd", SYS_openat,
           syscall(SYS_openat, AT_FDCWD, ("/proc/self/fd/" + std::to_string(t.readable)).c_str(), O_RDONLY)),
      {"openat2", SYS_openat2,
       [](const Things& t) -> long {
         open_how how{};
         how.flags = O_RDONLY;
         return syscall(SYS_openat2, t.directory, "file", &how, sizeof(how));
       }},
      {"openat2 O_PATH", SYS_openat2,
       [](const Things& t) -> long {
         open_how how{};
         how.flags = O_PATH;
         how.resolve = RESOLVE_BENEATH;
         return syscall(SYS_openat2, t.directory, "file", &how, sizeof(how));
       }},
  };
  return all;
}

const std::vector<Form>& descriptors() {
  static int number;
  static const std::vector<Form> all = {
      FORM("ioctl of a file", SYS_ioctl, syscall(SYS_ioctl, t.readable, FIONREAD, &number)),
      FORM("ioctl of a pipe", SYS_ioctl, syscall(SYS_ioctl, t.pipe_end, FIONREAD, &number)),
      FORM("ioctl of a socket", SYS_ioctl, syscall(SYS_ioctl, t.datagram, FIONREAD, &number)),
      FORM("ioctl FIOCLEX", SYS_ioctl, syscall(SYS_ioctl, t.readable, FIOCLEX, 0)),
      FORM("sendfile to a file", SYS_sendfile, syscall(SYS_sendfile, t.writable, t.readable, nullptr, 4)),
      FORM("sendfile to a socket", SYS_sendfile, syscall(SYS_sendfile, t.pair[0], t.readable, nullptr, 4)),
      FORM("copy_file_range", SYS_copy_file_range,
           syscall(SYS_copy_file_range, t.readable, nullptr, t.writable, nullptr, 4, 0)),
      FORM("setpriority", SYS_setpriority, syscall(SYS_setpriority, PRIO_PROCESS, 0, 5)),
      FORM("setpriority of the group", SYS_setpriority, syscall(SYS_setpriority, PRIO_PGRP, 0, 5)),
      FORM("sched_setparam", SYS_sched_setparam, set_schedule(SYS_sched_setparam)),
      FORM("sched_setscheduler", SYS_sched_setscheduler, set_schedule(SYS_sched_setscheduler)),
      FORM("sched_setaffinity", SYS_sched_setaffinity, set_schedule(SYS_sched_setaffinity)),
      FORM("sched_setattr", SYS_sched_setattr, set_schedule(SYS_sched_setattr)),
      FORM("setrlimit", SYS_setrlimit, set_limit(false)),
      FORM("prlimit64", SYS_prlimit64, set_limit(true)),
      FORM("ioprio_set", SYS_ioprio_set, syscall(SYS_ioprio_set, 1, 0, 2 << 13)),
  };
  return all;
}

const std::vector<Form>& sockets() {
  static int on = 1;
  static char long_option[8192] = {1};
  static socklen_t size = sizeof(on);
  static const std::vector<Form> all = {
      FORM("socket unix", SYS_socket, syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0)),
      FORM("socket tcp", SYS_socket, syscall(SYS_socket, AF_INET, SOCK_STREAM, 0)),
      FORM("socket udp", SYS_socket, syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0)),
      FORM("socket netlink", SYS_socket, syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0)),
      FORM("socketpair", SYS_socketpair,
           [] {
             int two[2];
             return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, two);
           }()),
      FORM("bind unix", SYS_bind,
           [&] {
             auto a = named(t.socket_path);
             return syscall(SYS_bind, t.datagram, plain(a), sizeof(a));
           }()),
      FORM("bind tcp", SYS_bind,
           [&] {
             auto a = loopback(0);
             return syscall(SYS_bind, t.tcp, plain(a), sizeof(a));
           }()),
      FORM("listen", SYS_listen, syscall(SYS_listen, t.tcp, 1)),
      FORM("connect unix", SYS_connect,
           [&] {
             auto a = named(t.folder + "/heard");
             return syscall(SYS_connect, t.stream, plain(a), sizeof(a));
           }()),
      FORM("sendto", SYS_sendto, syscall(SYS_sendto, t.pair[0], "x", 1, 0, nullptr, 0)),
      FORM("sendmsg", SYS_sendmsg, send_message(t, false)),
      FORM("sendmmsg", SYS_sendmmsg, send_message(t, true)),
      FORM("setsockopt", SYS_setsockopt, syscall(SYS_setsockopt, t.tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on))),
      FORM("setsockopt of tcp", SYS_setsockopt,
           syscall(SYS_setsockopt, t.tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))),
      FORM("setsockopt of unix", SYS_setsockopt,
           syscall(SYS_setsockopt, t.datagram, SOL_SOCKET, SO_SNDBUF, &on, sizeof(on))),
      FORM("setsockopt of netlink", SYS_setsockopt,
           syscall(SYS_setsockopt, t.netlink, SOL_SOCKET, SO_SNDBUF, &on, sizeof(on))),
      FORM("setsockopt of packet", SYS_setsockopt,
           syscall(SYS_setsockopt, t.packet, SOL_SOCKET, SO_SNDBUF, &on, sizeof(on))),
      FORM("setsockopt with more than a page", SYS_setsockopt,
           syscall(SYS_setsockopt, t.tcp, SOL_SOCKET, SO_REUSEADDR, long_option, sizeof(long_option))),
      FORM("getsockopt", SYS_getsockopt, syscall(SYS_getsockopt, t.tcp, SOL_SOCKET, SO_TYPE, &on, &size)),
      FORM("shutdown", SYS_shutdown, syscall(SYS_shutdown, t.pair[0], SHUT_RDWR)),
  };
  return all;
}

std::vector<Form> forms() {
  std::vector<Form> all = opens();
  for (const auto* more : {&descriptors(), &sockets()}) all.insert(all.end(), more->begin(), more->end());
  return all;
}

// Numbers that may be called with arguments that mean nothing: not those that end, wait, multiply or rename the
// machine.
bool may_be_called(int nr) {
  static const std::set<int> kNever = {SYS_rt_sigreturn, SYS_pause,         SYS_clone,      SYS_fork,
                                       SYS_vfork,        SYS_exit,          SYS_vhangup,    SYS_reboot,
                                       SYS_sethostname,  SYS_setdomainname, SYS_exit_group, SYS_clone3,
                                       SYS_ppoll,        LG_NR_uretprobe,   LG_NR_uprobe,   SYS_sync};
  return kNever.count(nr) == 0;
}

class Forms : public Refusing {
 protected:
  void SetUp() override {
    const std::vector<int> known = hooked_calls();
    for (int nr : refusable_calls(refusers_))
      if (std::count(known.begin(), known.end(), nr)) claimed_.insert(nr);
    const size_t wanted = std::getenv("LIBGUARD_REFUSED_BY") ? 25 : 0;
    ASSERT_GE(claimed_.size(), wanted) << "this kernel should refuse";
    things_.folder =
        std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/lg-forms-" + std::to_string(getpid());
    mkdir(things_.folder.c_str(), 0700);
    open_things();
  }
  void TearDown() override {
    remove_things();
    rmdir(things_.folder.c_str());
  }
  void remove_things() {
    for (const char* name : {"/file", "/fresh", "/socket", "/heard", "/written"})
      unlink((things_.folder + name).c_str());
  }
  void open_things() {
    Things& t = things_;
    t.file = t.folder + "/file";
    t.fresh = t.folder + "/fresh";
    t.socket_path = t.folder + "/socket";
    t.directory = open(t.folder.c_str(), O_RDONLY | O_DIRECTORY);
    int made = open(t.file.c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(write(made, "some text", 9), 9);
    close(made);
    t.readable = open(t.file.c_str(), O_RDONLY);
    t.writable = open((t.folder + "/written").c_str(), O_RDWR | O_CREAT, 0600);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    t.pipe_end = ends[0];
    t.stream = socket(AF_UNIX, SOCK_STREAM, 0);
    t.datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    t.tcp = socket(AF_INET, SOCK_STREAM, 0);
    t.netlink = socket(AF_NETLINK, SOCK_RAW, 0);
    t.packet = socket(AF_PACKET, SOCK_DGRAM, 0);
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, t.pair), 0);
    int heard = socket(AF_UNIX, SOCK_STREAM, 0);
    auto address = named(t.folder + "/heard");
    ASSERT_EQ(bind(heard, plain(address), sizeof(address)), 0);
    ASSERT_EQ(listen(heard, 4), 0);
  }
  std::set<int> claimed_;  // of those that hooks know
  Things things_;
};

// Errno of a call that every mechanism of the kernel can refuse.
int set_option(const Things& things) {
  int on = 1;
  return syscall(SYS_setsockopt, things.datagram, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ? errno : 0;
}

// A process with a number that another one had.
pid_t fork_as(pid_t number) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<uint64_t>(&number);
  arguments.set_tid_size = 1;
  return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

// Refused in its last call, the guarded process leaves nothing that the next one of its number could stumble on. Over
// and over: a thread that was waited for may still be on its way out when its process has ended.
TEST_F(Forms, WhoeverGetsTheNumberOfAGuardedTaskIsRefusedNothing) {
  load();
  for (int round = 0; round < 16; round++) {
    ASSERT_TRUE(in_child(true, [&] {
      std::thread([&] {
        answers_[2] = static_cast<int>(syscall(SYS_gettid));
        answers_[1] = set_option(things_);
      }).join();
      answers_[0] = set_option(things_);
    }));
    EXPECT_EQ(answers_[0], claimed_.count(SYS_setsockopt) ? kErrno : 0);
    EXPECT_EQ(answers_[1], answers_[0]);
    for (pid_t number : {child_, answers_[2]}) {
      answers_[3] = -1;
      const pid_t next = fork_as(number);
      if (next == 0) {
        answers_[3] = set_option(things_);
        _exit(0);
      }
      ASSERT_EQ(next, number) << std::strerror(errno);
      waitpid(next, nullptr, 0);
      EXPECT_EQ(answers_[3], 0) << round << (number == child_ ? ": the process" : ": its thread");
    }
  }
}

// Each keeps its refusal until its next call: all but the first find no room.
TEST_F(Forms, ARefusalThatFindsNoRoomRefusesMoreThanItShould) {
  load({.refusals = 1});
  ASSERT_TRUE(in_child(true, [&] {
    for (int i = 0; i < 4; i++) {
      std::thread([&, i] { answers_[i] = set_option(things_); }).join();
      const pid_t child = fork();
      if (child == 0) {
        answers_[4 + i] = set_option(things_);
        pause();
      }
      while (answers_[4 + i] == 0 && claimed_.count(SYS_setsockopt)) usleep(1000);
      answers_[8 + i] = child;
    }
    for (int i = 0; i < 4; i++) kill(answers_[8 + i], SIGKILL);
  }));
  for (int i = 0; i < 8 && claimed_.count(SYS_setsockopt); i++)
    EXPECT_TRUE(answers_[i] == kErrno || answers_[i] == EPERM) << i << ": " << answers_[i];
  EXPECT_EQ(kernel_->counts().refusals_lost > 0, claimed_.count(SYS_setsockopt) > 0);
  ASSERT_TRUE(in_child(false, [&] { answers_[0] = set_option(things_); }));
  EXPECT_EQ(answers_[0], 0) << "a process that nobody guards was refused";
}

// The map of processes is full: whoever comes is `unknown`, not free.
TEST_F(Forms, AProcessThatFindsNoRoomIsRefusedWhatUnknownIs) {
  load({.processes = 2});
  kernel_->refuse_calls(hooked_calls(), LG_UNKNOWN, kErrno);
  ASSERT_TRUE(in_child(true, [&] {
    for (int i = 0; i < 6; i++) {
      const pid_t child = fork();
      if (child == 0) {
        answers_[i] = set_option(things_);
        pause();
      }
      while (answers_[i] == 0 && claimed_.count(SYS_setsockopt)) usleep(1000);
      answers_[8 + i] = child;
    }
    for (int i = 0; i < 6; i++) kill(answers_[8 + i], SIGKILL);
  }));
  for (int i = 0; i < 6 && claimed_.count(SYS_setsockopt); i++) EXPECT_EQ(answers_[i], kErrno) << i;
  EXPECT_EQ(kernel_->counts().processes_lost > 0, claimed_.count(SYS_setsockopt) > 0);
}

TEST_F(Forms, WhatIsClaimedIsRefusedInEveryForm) {
  load();
  const std::vector<Form> all = forms();
  auto try_all = [&] {
    for (size_t i = 0; i < all.size(); i++) answers_[i] = all[i].call(things_) < 0 ? errno : 0;
  };
  std::set<int> tried;
  ASSERT_TRUE(in_child(true, try_all));
  struct stat status {};
  if (claimed_.count(SYS_openat)) {
    EXPECT_NE(stat(things_.fresh.c_str(), &status), 0) << "a refused open made a file";
    EXPECT_NE(stat(things_.socket_path.c_str(), &status), 0) << "a refused bind made a name";
    EXPECT_EQ(stat(things_.file.c_str(), &status), 0);
    EXPECT_EQ(status.st_size, 9) << "a refused open cut the file";
    EXPECT_EQ(lseek(things_.writable, 0, SEEK_END), 0) << "something was copied";
  }
  size_t refused = 0;
  for (size_t i = 0; i < all.size(); i++) {
    tried.insert(all[i].nr);
    if (claimed_.count(all[i].nr)) {
      EXPECT_EQ(answers_[i], kErrno) << all[i].name << ": " << std::strerror(answers_[i]);
      refused += answers_[i] == kErrno;
    } else {
      EXPECT_NE(answers_[i], kErrno) << all[i].name << " is refused, and nobody claims it";
    }
  }
  std::printf("%zu calls claimed, %zu of %zu forms refused\n", claimed_.size(), refused, all.size());
  for (int nr : claimed_) EXPECT_TRUE(tried.count(nr)) << "no form of call " << nr;
  // The same forms work where nobody refuses them: else the above would show nothing.
  remove_things();
  open_things();
  ASSERT_TRUE(in_child(false, try_all));
  for (size_t i = 0; i < all.size(); i++)
    EXPECT_EQ(answers_[i], 0) << all[i].name << ": " << std::strerror(answers_[i]);
}

TEST_F(Forms, NoOtherCallIsRefusedHere) {
  load();
  std::vector<int> others;
  for (int nr = 0; nr < LG_NUMBERS; nr++)
    if (claimed_.count(nr) == 0 && may_be_called(nr)) others.push_back(nr);
  for (bool after_a_refusal : {false, true})
    EXPECT_TRUE(in_child(true, [&] {
      for (size_t i = 0; i < others.size(); i++) {
        int on = 1;
        if (after_a_refusal) syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
        if (after_a_refusal) syscall(SYS_setsockopt, things_.tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        answers_[i] = syscall(others[i], -1, 0, 0, 0, 0, 0) < 0 ? errno : 0;
      }
    })) << "the child ended early";
  for (size_t i = 0; i < others.size(); i++) EXPECT_NE(answers_[i], kErrno) << "call " << others[i];
  std::printf("%zu other calls\n", others.size());
  EXPECT_GT(others.size(), 300u);
}

}  // namespace
}  // namespace libguard
