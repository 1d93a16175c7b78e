// SPDX-License-Identifier: Apache-2.0
// A program with its libraries: interposition, versions, copies, IFUNC, dlopen, levels, witnesses, the matrix.
#include <algorithm>

#include "tests/unit/analysis_fixture.h"

namespace libguard {
namespace {

std::unique_ptr<Analysis> analysed(AnalysisOptions options = {}) {
  options.program = fixture("analysis_program");
  auto analysis = analyse(std::move(options));
  if (!analysis) {
    ADD_FAILURE() << analysis.error().what;
    return nullptr;
  }
  return std::move(*analysis);
}

const MatrixRow* row_of(const std::vector<MatrixRow>& rows, const Analysis& analysis, const std::string& name) {
  uint32_t module = analysis.find_module(name);
  auto found = std::find_if(rows.begin(), rows.end(), [&](const MatrixRow& row) { return row.module == module; });
  return found == rows.end() ? nullptr : &*found;
}

TEST(AnalysisProgram, BindsAsTheLoaderDoes) {
  auto analysis = analysed();
  ASSERT_NE(analysis, nullptr);
  const CallSet& calls = analysis->calls();
  EXPECT_TRUE(calls.test(252));   // the program's `interposed`
  EXPECT_FALSE(calls.test(101));  // the library's
  EXPECT_TRUE(calls.test(104));   // versioned@@TWO
  EXPECT_TRUE(calls.test(12));    // a callback
  EXPECT_TRUE(calls.test(39));    // a table that is used
  EXPECT_TRUE(calls.test(107));   // both candidates of the IFUNC
  EXPECT_TRUE(calls.test(108));
  EXPECT_TRUE(calls.test(110));  // an object that was copied into the program
  EXPECT_TRUE(calls.test(24));   // through a wrapper around syscall(3) in another file
  EXPECT_TRUE(calls.test(170));  // a library opened by name
  EXPECT_TRUE(calls.test(171));  // what that one needs, and another one defines that is opened after it
  EXPECT_TRUE(calls.test(172));  // and its wrapper: who calls it is asked again
  EXPECT_TRUE(analysis->not_found().empty());
}

TEST(AnalysisProgram, LevelsAreOrdered) {
  AnalysisOptions reached, taken;
  reached.level = Level::kReached;
  taken.level = Level::kTaken;
  auto fine = analysed(), middle = analysed(reached), coarse = analysed(taken);
  ASSERT_TRUE(fine && middle && coarse);
  EXPECT_FALSE(fine->calls().test(165));  // a table that nobody refers to
  EXPECT_TRUE(middle->calls().test(165));
  EXPECT_EQ(fine->calls() & middle->calls(), fine->calls());
  EXPECT_EQ(middle->calls() & coarse->calls(), middle->calls());
}

TEST(AnalysisProgram, OnlyWithOpensNothing) {
  AnalysisOptions options;
  options.open_found = false;
  auto closed = analysed(options);
  ASSERT_NE(closed, nullptr);
  EXPECT_FALSE(closed->calls().test(170));
  options.with = {fixture("libanalysis_opened.so")};
  auto with = analysed(options);
  ASSERT_NE(with, nullptr);
  EXPECT_TRUE(with->calls().test(170));
}

TEST(AnalysisProgram, WitnessLeadsFromStartToCall) {
  auto analysis = analysed();
  ASSERT_NE(analysis, nullptr);
  auto makers = analysis->makers_of(12);
  std::vector<std::string> last;
  for (Node node : makers) last.push_back(analysis->program().name_of(node));
  auto callback =
      std::find_if(makers.begin(), makers.end(), [&](Node n) { return analysis->program().module_of(n) == 0; });
  ASSERT_NE(callback, makers.end());
  auto path = analysis->closure().path_to(*callback);
  ASSERT_GE(path.size(), 3u);
  EXPECT_EQ(path.front().second, Closure::How::kRoot);
  EXPECT_EQ(path.back().second, Closure::How::kPointer);
  for (auto [node, how] : path) EXPECT_TRUE(analysis->closure().reached(node));
}

TEST(AnalysisProgram, MatrixSeesThroughTailCalls) {
  AnalysisOptions options;
  options.open_found = false;
  auto analysis = analysed(options);
  ASSERT_NE(analysis, nullptr);
  auto rows = analysis->matrix();
  const MatrixRow* program = row_of(rows, *analysis, "analysis_program");
  const MatrixRow* library = row_of(rows, *analysis, "libanalysis_library.so");
  ASSERT_TRUE(program != nullptr && library != nullptr);
  EXPECT_TRUE(program->calls.test(110));  // main -> library_tail_call -jmp-> getppid: the stack shows main above libc
  EXPECT_TRUE(library->calls.test(104));
  EXPECT_FALSE(program->calls.test(104));
  EXPECT_FALSE(library->calls.test(252));
  for (const MatrixRow& row : rows) EXPECT_EQ(row.calls & analysis->calls(), row.calls);
}

TEST(AnalysisProgram, ExportsHaveTheirOwnSets) {
  auto analysis = analysed();
  ASSERT_NE(analysis, nullptr);
  auto rows = analysis->exports(analysis->find_module("libanalysis_library.so"), {});
  auto calls = [&](const std::string& name) {
    for (const ExportRow& row : rows)
      if (row.name == name) return numbers(row.calls);
    ADD_FAILURE() << name;
    return Numbers{};
  };
  EXPECT_EQ(calls("library_is_never_called"), Numbers{59});
  EXPECT_EQ(calls("library_uses_interposed"), Numbers{252});
  EXPECT_TRUE(calls("library_calls_table").count(39));
  EXPECT_FALSE(calls("library_calls_table").count(59));
}

TEST(AnalysisProgram, MissingFilesAreErrorsOrListed) {
  AnalysisOptions options;
  options.program = "/nonexistent/program";
  auto none = analyse(options);
  ASSERT_FALSE(none);
  EXPECT_FALSE(none.error().hint.empty());
  options.program = "/etc/passwd";
  auto text = analyse(options);
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().what.find("no ELF file"), std::string::npos);
  options.program = fixture("analysis_program");
  options.with = {"libdoes-not-exist.so.1"};
  auto with = analyse(options);
  ASSERT_FALSE(with);
  EXPECT_EQ(with.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace libguard
