// SPDX-License-Identifier: Apache-2.0
// The programs in the kernel: every one passes the verifier, with room to spare. Needs root.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

// For all functions of one program together. The verifier gives up at a million; each thousand costs a millisecond of
// every start.
constexpr unsigned long kBudget = 100'000;

class LoadedPrograms : public testing::Test {
 protected:
  void SetUp() override {
    object_ = bpf_object__open(BPF_OBJECT);
    ASSERT_NE(object_, nullptr) << std::strerror(errno);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_) {
      const bool probe = std::strncmp(bpf_program__name(program), "lg_on_function_", 15) == 0;
      if (probe) bpf_program__set_autoload(program, true);
      if (!bpf_program__autoload(program)) continue;  // a hook: loaded where a refused right needs it
      auto& log = logs_[bpf_program__name(program)];
      log.resize(1 << 18);
      bpf_program__set_log_level(program, 4);  // the numbers alone
      bpf_program__set_log_buf(program, log.data(), log.size());
    }
  }
  void TearDown() override { bpf_object__close(object_); }

  bpf_object* object_ = nullptr;
  std::map<std::string, std::vector<char>> logs_;
};

TEST_F(LoadedPrograms, AllOfThemPassTheVerifierWithinTheBudget) {
  int error = bpf_object__load(object_);
  for (const auto& [name, log] : logs_) {
    unsigned long processed = 0;
    const char* line = std::strstr(log.data(), "processed ");
    ASSERT_NE(line, nullptr) << name << ": " << log.data();
    ASSERT_EQ(std::sscanf(line, "processed %lu", &processed), 1) << name;
    std::printf("%-20s %8lu instructions walked by the verifier\n", name.c_str(), processed);
    EXPECT_LT(processed, kBudget) << name;
  }
  EXPECT_EQ(error, 0) << std::strerror(-error);
  EXPECT_GE(logs_.size(), 7u);
}

}  // namespace
