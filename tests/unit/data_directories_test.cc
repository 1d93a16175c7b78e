// SPDX-License-Identifier: Apache-2.0
// Directories of data: found while recording, placed where a policy names them.
#include "core/data_directories.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace libguard {
namespace {

class DataDirectoriesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/libguard-data-XXXXXX";
    root = std::filesystem::canonical(mkdtemp(folder)).string();
    for (const char* name : {"/app.py", "/pkg/mod.py", "/instance/app.db", "/var/cache/00/a", "/static/js/x.js"})
      file(name);
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void file(const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(root + name).parent_path());
    std::ofstream(root + name) << "text";
  }
  WrittenDirectories::Found found_after(std::initializer_list<const char*> written) {
    WrittenDirectories directories(root);
    for (const char* name : written) {
      file(name);
      directories.note(root + name);
    }
    return directories.find();
  }
  using Names = std::vector<std::string>;
  std::string root;
};

TEST_F(DataDirectoriesTest, AreWhereNoCodeLies) {
  auto found = found_after({"/instance/app.db", "/instance/app.db-journal", "/static/uploads/2026/a.png", "/var/run"});
  EXPECT_EQ(found.data, (Names{"instance", "static/uploads/2026", "var"}));
  EXPECT_TRUE(found.beside_code.empty());
}

TEST_F(DataDirectoriesTest, AreNeverTheApplicationItselfOrBesideCode) {
  auto found = found_after({"/app.db", "/pkg/state.json", "/instance/x", "/instance/deep/plugin.so.1", "/var/x.pyc"});
  EXPECT_TRUE(found.data.empty());
  EXPECT_EQ(found.beside_code, (Names{root + "/app.db", root + "/instance/x", root + "/instance/deep/plugin.so.1",
                                      root + "/pkg/state.json", root + "/var/x.pyc"}));
}

TEST_F(DataDirectoriesTest, WhatIsMadeForDataIsNotBesideCode) {
  WrittenDirectories directories(root);
  file("/fresh/note");
  for (const char* name : {"/fresh", "/fresh/note"}) directories.note(root + name);  // mkdir, open
  EXPECT_EQ(directories.find().data, Names{"fresh"});
  EXPECT_TRUE(directories.find().beside_code.empty());
}

TEST_F(DataDirectoriesTest, ManySiblingsMeanTheDirectoryAbove) {
  auto found = found_after({"/var/cache/00/a", "/var/cache/01/a", "/var/cache/02/a", "/var/cache/03/a"});
  EXPECT_EQ(found.data, Names{"var/cache"});
}

TEST_F(DataDirectoriesTest, BytecodeCachesAndForeignDirectories) {
  WrittenDirectories directories(root);
  for (const std::string& path : {root + "/pkg/__pycache__/mod.cpython-311.pyc", root + "/__pycache__",
                                  std::string("/usr/lib/python3/dist-packages/x/cache.db")})
    directories.note(path);
  EXPECT_TRUE(directories.find().data.empty());
  EXPECT_EQ(directories.find().beside_code, Names{"/usr/lib/python3/dist-packages/x/cache.db"});
  WrittenDirectories nowhere("");
  nowhere.note(root + "/instance/app.db");
  EXPECT_TRUE(nowhere.find().data.empty());
}

TEST_F(DataDirectoriesTest, PlacesWhatIsThereAndInside) {
  std::filesystem::create_directory_symlink("/tmp", root + "/out");
  std::filesystem::create_directory_symlink("instance", root + "/alias");
  auto placed = place_data({"instance", "alias", "out", "gone", "app.py"}, root, {root + "/app.policy.yaml"});
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->places, (Names{root + "/instance", root + "/instance"}));
  EXPECT_EQ(placed->missing, (Names{root + "/gone", root + "/app.py"}));
  EXPECT_FALSE(place_data({"instance"}, "", {}));
  auto own = place_data({"instance"}, root, {root + "/instance/app.policy.yaml"});
  ASSERT_FALSE(own);
  EXPECT_NE(own.error().what.find("names as data"), std::string::npos) << own.error().what;
}

}  // namespace
}  // namespace libguard
