// SPDX-License-Identifier: Apache-2.0
// Writing whole files: what is replaced, what is written into, what is left alone.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/file.h"

namespace libguard {
namespace {

class WriteFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char made[] = "/tmp/libguard-base-XXXXXX";
    folder = ::mkdtemp(made);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  size_t entries() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {})); }
  std::string folder;
};

TEST_F(WriteFile, ReplacesAFile) {
  std::string path = folder + "/a";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(WriteFile, FollowsALink) {
  ASSERT_TRUE(write_file_atomically(folder + "/target", "one"));
  std::filesystem::create_symlink("target", folder + "/link");
  ASSERT_TRUE(write_file_atomically(folder + "/link", "two"));
  EXPECT_EQ(*read_file(folder + "/target"), "two");
  EXPECT_TRUE(std::filesystem::is_symlink(folder + "/link"));
}

// `-o /dev/null` as root must not make a file of the machine's /dev/null.
TEST_F(WriteFile, LeavesAFifoAFifo) {
  std::string path = folder + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_TRUE(write_file_atomically(path, "through"));
  char text[16] = {};
  EXPECT_EQ(::read(reader, text, sizeof(text)), 7);
  EXPECT_STREQ(text, "through");
  ::close(reader);
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_TRUE(S_ISFIFO(info.st_mode));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(WriteFile, AFailureLeavesNothingBeside) {
  std::filesystem::create_directory(folder + "/directory");
  Status written = write_file_atomically(folder + "/directory", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(entries(), 1u);
  EXPECT_FALSE(write_file_atomically(folder + "/none/file", "x"));
}

}  // namespace
}  // namespace libguard
