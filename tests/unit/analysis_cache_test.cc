// SPDX-License-Identifier: Apache-2.0
// The cache of summaries: the same answer without the work, and no harm from what is broken.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/analysis_fixture.h"

namespace libguard {
namespace {

namespace fs = std::filesystem;

class AnalysisCache : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "analysis-cache-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::unique_ptr<Analysis> analysed() {
    AnalysisOptions options;
    options.program = fixture("analysis_program");
    cache_ = options.cache = std::make_shared<SummaryCache>(directory_ + "/deep/er");
    auto analysis = analyse(std::move(options));
    if (analysis) return std::move(*analysis);
    ADD_FAILURE() << analysis.error().what;
    return nullptr;
  }
  std::string directory_;
  std::shared_ptr<SummaryCache> cache_;  // of the last analysis
};

TEST_F(AnalysisCache, SecondTimeNothingIsAnalysed) {
  auto first = analysed();
  EXPECT_EQ(cache_->counts().found, 0u);
  auto second = analysed();
  ASSERT_TRUE(first && second);
  EXPECT_GE(cache_->counts().found, 4u);
  EXPECT_EQ(cache_->counts().missing, 0u);
  EXPECT_EQ(first->calls(), second->calls());
  auto a = first->matrix(), b = second->matrix();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); i++) EXPECT_EQ(a[i].calls, b[i].calls);
}

TEST_F(AnalysisCache, BrokenEntriesAreMadeAgain) {
  auto first = analysed();
  ASSERT_TRUE(first);
  size_t entries = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    if (!entry.is_regular_file()) continue;
    entries++;
    fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
  }
  auto second = analysed();
  ASSERT_TRUE(second);
  EXPECT_EQ(cache_->counts().broken, entries);
  EXPECT_EQ(second->calls(), first->calls());
  auto third = analysed();
  ASSERT_TRUE(third);
  EXPECT_EQ(cache_->counts().broken, 0u);
  EXPECT_EQ(cache_->counts().found, entries);
}

TEST_F(AnalysisCache, UnwritableDirectoryIsCounted) {
  std::ofstream(directory_ + "/deep") << "a file, not a directory";
  auto analysis = analysed();
  ASSERT_TRUE(analysis);
  EXPECT_GE(cache_->counts().unwritable, 4u);
  EXPECT_TRUE(analysis->calls().test(252));
}

// A file that claims the build id of another one finds nothing.
TEST_F(AnalysisCache, KeyNamesTheContent) {
  std::string copy = directory_ + "/copy.so";
  fs::copy_file(fixture("libanalysis_calls.so"), copy);
  auto original = ElfImage::open_head(fixture("libanalysis_calls.so"), "a");
  ASSERT_TRUE(original);
  std::string key = SummaryCache::key_of(*original);
  EXPECT_EQ(key.rfind(original->build_id + "-", 0), 0u);
  std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('x');
  file.close();
  auto changed = ElfImage::open_head(copy, "b");
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->build_id, original->build_id);
  EXPECT_NE(SummaryCache::key_of(*changed), key);
}

}  // namespace
}  // namespace libguard
