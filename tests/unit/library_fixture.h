// SPDX-License-Identifier: Apache-2.0
// A small file system below a temporary directory, and the moment at which a guard starts.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "core/library/resolver.h"

namespace libguard {

class LibraryFixture : public ::testing::Test {
 protected:
  LibraryFixture() {
    char name[] = "/tmp/libguard-library-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~LibraryFixture() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text = "pass\n") {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void directory(const std::string& path) { std::filesystem::create_directories(root_ + path); }
  void link(const std::string& target, const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    ASSERT_EQ(::symlink(target.c_str(), (root_ + path).c_str()), 0);
  }
  // A wheel's metadata: RECORD from `files`, which are written as well.
  void install(const std::string& site, const std::string& name, const std::string& version,
               const std::vector<std::string>& files, const std::string& extra_record = {}) {
    std::string info = name + "-" + version + ".dist-info", record;
    for (const std::string& file : files) {
      write(site + "/" + file);
      record += file + ",sha256=x,5\n";
    }
    write(site + "/" + info + "/METADATA",
          "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n\ntext");
    write(site + "/" + info + "/RECORD", record + extra_record + info + "/METADATA,,\n" + info + "/RECORD,,\n");
  }

  // From here on, what is written is newer than the guard.
  void start() {
    std::this_thread::sleep_for(std::chrono::milliseconds(25));  // more than one tick of the file system's clock
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    options_.start_time_ns = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
    options_.root = root_;
  }
  std::string purl(LibraryId id) const { return table_.at(id).purl; }

  std::string root_;
  ResolverOptions options_;
  LibraryTable table_;
};

}  // namespace libguard
