// SPDX-License-Identifier: Apache-2.0
// ProcessMemory, python_offsets and Names over this process' own memory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/backend/walk/names.h"
#include "core/backend/walk/process_memory.h"
#include "core/backend/walk/python_offsets.h"

namespace libguard {
namespace {

uint64_t address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

// Two pages, the second not readable.
struct Edge {
  Edge() : page(static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    std::memset(page, 'x', 4096);
    munmap(page + 4096, 4096);
  }
  ~Edge() { munmap(page, 4096); }
  char* page;
};

void read_batches(ProcessMemory& memory, const Edge& edge) {
  char a[16], b[16], c[16];
  const iovec to[] = {{a, 16}, {b, 16}, {c, 16}};
  const auto at = [&](size_t offset) { return iovec{edge.page + offset, 16}; };
  const iovec good[] = {at(0), at(100), at(4080)};
  EXPECT_EQ(memory.read_batch(to, good, 3), 48u);
  EXPECT_EQ(memory.counts().short_, 0u);
  const iovec bad[] = {at(0), at(5000), at(100)};
  EXPECT_EQ(memory.read_batch(to, bad, 3), 16u) << "nothing after the first piece that fails";
  EXPECT_EQ(memory.error(), EFAULT);
  EXPECT_EQ(memory.counts().short_, 1u);
  EXPECT_TRUE(memory.read(address(edge.page), a, 16));
  EXPECT_FALSE(memory.read(address(edge.page) + 4090, a, 16)) << "a piece cut by a hole is not read";
  EXPECT_EQ(memory.counts().calls, 4u);
  EXPECT_EQ(memory.counts().pieces, 8u);
}

TEST(ProcessMemory, SaysWhatItCouldNotRead) {
  Edge edge;
  ProcessMemory memory(getpid());
  read_batches(memory, edge);
  EXPECT_EQ(memory.counts().descriptor, 0u);
}

TEST(ProcessMemory, AProcessThatIsGone) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  ProcessMemory memory(child);
  char byte;
  EXPECT_FALSE(memory.read(address(&byte), &byte, 1));
  EXPECT_EQ(memory.error(), ESRCH);
}

// Of a process that is not dumpable, as an ordinary user: process_vm_readv says EPERM, a descriptor opened before still
// reads.
TEST(ProcessMemory, ReadsThroughItsDescriptorWhereReadvIsRefused) {
  Edge edge;
  int ready[2], go[2], done[2];
  ASSERT_EQ(pipe(ready) | pipe(go) | pipe(done), 0);
  const pid_t target = fork();
  if (target == 0) {
    close(done[1]);
    char byte = 0;
    ssize_t moved = read(go[0], &byte, 1);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    moved += write(ready[1], "r", 1);
    moved += read(done[0], &byte, 1);  // until the test closes its end
    _exit(moved == 2 ? 0 : 1);
  }
  const pid_t reader = fork();
  if (reader == 0) {
    char byte = 0;
    const int fd = open(("/proc/" + std::to_string(target) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || write(go[1], "g", 1) != 1 || read(ready[0], &byte, 1) != 1) _exit(10);
    if (getuid() == 0 && (setgid(65534) || setuid(65534))) _exit(9);
    ProcessMemory memory(target);
    if (memory.read(address(edge.page), &byte, 1) || memory.error() != EPERM) _exit(8);
    memory.adopt_fd(dup(fd));
    if (!memory.read(address(edge.page), &byte, 1) || byte != 'x') _exit(7);
    ProcessMemory fresh(target);
    fresh.adopt_fd(fd);
    read_batches(fresh, edge);
    _exit(::testing::Test::HasFailure() || fresh.counts().descriptor != 4 ? 6 : 0);
  }
  int status = 0;
  waitpid(reader, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
  close(done[1]);
  waitpid(target, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

// The words of _Py_DebugOffsets as releases have them.
struct Debug {
  uint64_t word[45] = {};
  Debug(uint32_t hexversion, std::initializer_list<std::pair<int, uint64_t>> values) {
    std::memcpy(word, "xdebugpy", 8);
    word[1] = hexversion;
    for (const auto& [index, value] : values) word[index] = value;
  }
  Result<lg_python_offsets> parse(uint32_t hexversion) const {
    return parse_debug_offsets(hexversion, word, sizeof(word));
  }
};
const Debug k313(
    0x030d00f0,
    {{5, 632}, {8, 7264}, {9, 7344}, {19, 304}, {21, 8}, {22, 16}, {23, 72}, {24, 152}, {28, 80}, {29, 8}, {33, 70}});
const Debug k314(
    0x030e04f0,
    {{5, 632}, {8, 7272}, {9, 7344}, {22, 312}, {24, 8}, {25, 16}, {26, 72}, {27, 152}, {31, 88}, {32, 8}, {36, 74}});
const Debug k315(
    0x030f00f0,
    {{5, 936}, {8, 7264}, {9, 7336}, {22, 888}, {24, 8}, {25, 16}, {26, 72}, {30, 176}, {39, 88}, {40, 8}, {44, 74}});

TEST(PythonOffsets, ReadsTheInterpretersOwnWord) {
  const auto three = k313.parse(0x030d00f0);
  ASSERT_TRUE(three);
  EXPECT_EQ(three->interpreter_next, 7264u);
  EXPECT_EQ(three->interpreter_states, 7344u);
  EXPECT_EQ(three->state_thread, 152u);
  EXPECT_EQ(three->frame_owner, 70u);
  EXPECT_EQ(three->frame_size, 72u);
  EXPECT_EQ(three->code_tags, 0u);
  const auto four = k314.parse(0x030e04f0);
  ASSERT_TRUE(four);
  EXPECT_EQ(four->interpreter_next, 7272u);
  EXPECT_EQ(four->state_frame, 72u);
  EXPECT_EQ(four->state_thread, 152u);
  EXPECT_EQ(four->frame_owner, 74u);
  EXPECT_EQ(four->code_tags, 3u);
  const auto five = k315.parse(0x030f00f0);
  ASSERT_TRUE(five);
  EXPECT_EQ(five->interpreter_states, 7336u);
  EXPECT_EQ(five->state_frame, 72u);
  EXPECT_EQ(five->state_thread, 176u);
  EXPECT_EQ(five->frame_previous, 8u);
  EXPECT_EQ(five->frame_owner, 74u);
  EXPECT_EQ(five->code_tags, 3u);
}

TEST(PythonOffsets, RefusesWhatCannotBe) {
  EXPECT_FALSE(k313.parse(0x030e04f0)) << "the version must be the one that runs";
  EXPECT_FALSE(k314.parse(0x030d00f0));
  EXPECT_FALSE(k314.parse(0x030f00f0));
  EXPECT_EQ(k315.parse(0x031000f0).error().code, Code::kUnsupported);
  for (const int index : {0, 1, 5, 8, 9, 21, 22, 23, 24, 29, 33}) {
    Debug broken = k313;
    broken.word[index] = 0x123456789;
    EXPECT_FALSE(broken.parse(0x030d00f0)) << index;
  }
  for (const int index : {21, 22, 23, 24, 29}) {
    Debug broken = k313;
    broken.word[index] = 401;
    EXPECT_FALSE(broken.parse(0x030d00f0)) << index;
  }
  EXPECT_FALSE(parse_debug_offsets(0x030d00f0, k313.word, 64));
  ProcessMemory memory(getpid());
  EXPECT_EQ(python_offsets(memory, 0x030d00f0, 8).error().code, Code::kIo);
  EXPECT_EQ(python_offsets(memory, 0x030400f0, 8).error().code, Code::kUnsupported);
  EXPECT_EQ(python_offsets(memory, 0x02070000, 8).error().code, Code::kUnsupported);
  EXPECT_TRUE(python_offsets(memory, 0x030b02f0, 8));
}

class NamesTest : public ::testing::Test {
 protected:
  NamesTest() : arena_(1 << 20), memory_(getpid()), names_(memory_, [this](uint32_t hash) { return modules_[hash]; }) {
    area_.names = address(arena_.data());
    area_.names_size = arena_.size();
  }
  uint32_t add(const std::string& module, const std::string& qualname, uint32_t change = 0) {
    lg_name_record head{};
    head.module_hash = lg_fnv1a(LG_FNV_OFFSET, module.data(), module.size());
    head.function = lg_fnv1a(lg_fnv1a(head.module_hash, ".", 1), qualname.data(), qualname.size()) ^ change;
    head.length = static_cast<__u16>(qualname.size());
    std::memcpy(arena_.data() + area_.names_used, &head, sizeof(head));
    std::memcpy(arena_.data() + area_.names_used + sizeof(head), qualname.data(), qualname.size());
    area_.names_used += sizeof(head) + (qualname.size() + 7) / 8 * 8;
    modules_[head.module_hash] = module;
    return head.function;
  }

  std::vector<char> arena_;
  lg_area area_{};
  std::map<uint32_t, std::string> modules_;
  ProcessMemory memory_;
  Names names_;
};

TEST_F(NamesTest, ReadsWhatTheArenaGained) {
  const uint32_t run = add("deploytool.ship", "run");
  const uint32_t longest = add("app", std::string(65535, 'q'));
  EXPECT_EQ(names_.name(run, area_), "deploytool.ship.run");
  EXPECT_EQ(names_.name(longest, area_).size(), 4u + 65535);
  EXPECT_EQ(names_.name(0, area_), "");
  EXPECT_EQ(names_.name(12345, area_), "");
  const uint64_t calls = memory_.counts().calls;
  EXPECT_EQ(names_.name(54321, area_), "");
  EXPECT_EQ(memory_.counts().calls, calls) << "nothing new: nothing to read";
  std::vector<uint32_t> many;
  for (int i = 0; i < 5000; i++) many.push_back(add("m", "Class.method" + std::to_string(i)));
  for (int i = 0; i < 5000; i++) EXPECT_EQ(names_.name(many[i], area_), "m.Class.method" + std::to_string(i));
  EXPECT_EQ(names_.size(), 5002u);
  EXPECT_EQ(names_.bad(), 0u);
}

TEST_F(NamesTest, BelievesOnlyNamesThatHashToTheirFunction) {
  const uint32_t forged = add("app", "main", 1);
  const uint32_t good = add("app", "other");
  EXPECT_EQ(names_.name(forged, area_), "");
  EXPECT_EQ(names_.name(good, area_), "app.other");
  EXPECT_EQ(names_.bad(), 1u);
}

TEST_F(NamesTest, BrokenArenasEndQuietly) {
  area_.names_used = ~0ull;  // more than there is: only names_size counts, and zeros name nothing
  EXPECT_EQ(names_.name(7, area_), "");
  Names unreadable(memory_, [](uint32_t) { return std::string(); });
  lg_area nowhere{};
  nowhere.names = 8;
  nowhere.names_used = nowhere.names_size = 4096;
  EXPECT_EQ(unreadable.name(7, nowhere), "");
  EXPECT_EQ(unreadable.bad(), 1u);
  Names cut(memory_, [](uint32_t) { return std::string(); });
  lg_area part = area_;
  part.names_used = part.names_size = 24;
  arena_[8] = 100;  // length beyond the end
  EXPECT_EQ(cut.name(7, part), "");
  EXPECT_EQ(cut.bad(), 1u);
}

}  // namespace
}  // namespace libguard
