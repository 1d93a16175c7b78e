// SPDX-License-Identifier: Apache-2.0
// The table of libraries, and sets of their numbers.
#include <gtest/gtest.h>

#include "core/library/library.h"
#include "core/library/start_lines.h"

namespace libguard {
namespace {

TEST(LibraryTable, HoldsTheFourFixedLibraries) {
  LibraryTable table;
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.find("unknown"), LibraryId::kUnknown);
  EXPECT_EQ(table.find("application"), LibraryId::kApplication);
  EXPECT_EQ(table.find("runtime"), LibraryId::kRuntime);
  EXPECT_EQ(table.find("startup"), LibraryId::kStartup);
  EXPECT_EQ(table.at(LibraryId::kStartup).purl, "startup");
}

TEST(LibraryTable, GivesOneNumberPerPurl) {
  LibraryTable table;
  LibraryId requests = table.intern("pkg:pypi/requests@2.31.0", "/site");
  EXPECT_EQ(number(requests), 4);
  EXPECT_EQ(table.intern("pkg:pypi/requests@2.31.0"), requests);
  EXPECT_EQ(table.at(requests).path, "/site");
  EXPECT_EQ(table.at(LibraryId{900}).purl, "unknown");  // forged in guarded memory
  EXPECT_EQ(table.find("pkg:pypi/absent"), LibraryId::kUnknown);
}

TEST(LibraryTable, AFullTableAnswersUnknownAndCounts) {
  LibraryTable table;
  for (int i = 4; i < LG_MAX_LIBRARIES; i++) EXPECT_EQ(number(table.intern("pkg:pypi/x" + std::to_string(i))), i);
  EXPECT_EQ(table.intern("pkg:pypi/one-more"), LibraryId::kUnknown);
  EXPECT_EQ(table.intern("pkg:pypi/one-more"), LibraryId::kUnknown);
  EXPECT_EQ(table.overflowed(), 2u);
  EXPECT_EQ(number(table.intern("pkg:pypi/x77")), 77) << "known ones keep their number";
}

TEST(LibrarySet, AddsRemovesUnites) {
  LibrarySet set, other;
  EXPECT_TRUE(set.empty());
  set.add(LibraryId::kRuntime);
  set.add(static_cast<LibraryId>(1023));
  other.add(static_cast<LibraryId>(64));
  set |= other;
  EXPECT_EQ(set.ids(),
            (std::vector<LibraryId>{LibraryId::kRuntime, static_cast<LibraryId>(64), static_cast<LibraryId>(1023)}));
  set.remove(static_cast<LibraryId>(1023));
  EXPECT_FALSE(set.has(static_cast<LibraryId>(1023)));
  EXPECT_FALSE(set == other);
  set.remove(LibraryId::kRuntime);
  EXPECT_TRUE(set == other);
}

TEST(StartLines, MultiprocessingsOwnLinesOnly) {
  for (const char* line : {
           "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)",
           "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)\n",
           "from multiprocessing.resource_tracker import main;main(4)",
           "from multiprocessing.forkserver import main; main(5, 6, ['__main__'], **{'sys_path': ['/a b', \"it's\"], "
           "'main_path': '/app/x.py'})",
           "from multiprocessing.forkserver import main; main(5, 6, [], **{})",
           "import sys; from multiprocessing.forkserver import main; main(5, 6, ['__main__'], sys_argv=sys.argv[1:], "
           "**{'sys_path': ['/a b'], 'authkey_r': 8})",
       })
    EXPECT_TRUE(is_multiprocessing_start_line(line)) << line;
  for (const char* line : {
           "",
           "import os; os.system('id')",
           "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7); import os",
           "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=__import__('os').system('id'))",
           "from multiprocessing.resource_tracker import main;main(4)\nimport os",
           "from multiprocessing.resource_tracker import main;main(int('4'))",
           "from multiprocessing.forkserver import main; main(5, 6, [] or exec('1'), **{})",
           "import sys; from multiprocessing.forkserver import main; main(5, 6, [], **{})",
           "from multiprocessing.forkserver import main; main(5, 6, [], sys_argv=sys.argv[1:], **{})",
           "import sys; from multiprocessing.forkserver import main; main(5, 6, [], sys_argv=sys.argv[1:](), **{})",
           "import sys; import sys; from multiprocessing.forkserver import main; main(5, 6, [], **{})",
           "from multiprocessing.forkserver import main; main(5, 6, ['a' + 'b'], **{})",
           "from multiprocessing.forkserver import main; main(5, 6, [f'{x}'], **{})",
           "from multiprocessing.forkserver import main; main(5, 6, ['a\n'], **{})",
       })
    EXPECT_FALSE(is_multiprocessing_start_line(line)) << line;
}

}  // namespace
}  // namespace libguard
