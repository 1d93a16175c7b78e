// SPDX-License-Identifier: Apache-2.0
// Owners of files by dpkg's lists: versions, diversions, the merged /usr.
#include "core/library/dpkg.h"
#include "tests/unit/library_fixture.h"

namespace libguard {
namespace {

class DpkgTest : public LibraryFixture {
 protected:
  DpkgTest() {
    write("/etc/os-release", "NAME=\"Debian\"\nID=debian\n");
    write("/var/lib/dpkg/info/git.list", "/.\n/usr\n/usr/bin\n/usr/bin/git\n");
    write("/var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu/libc.so.6\n");
    write("/var/lib/dpkg/info/bash.list", "/bin/sh\n");
    write("/var/lib/dpkg/info/dash.list", "/bin/sh\n/bin/dash\n");
    write("/var/lib/dpkg/info/git.md5sums", "0 usr/bin/other\n");
    write("/var/lib/dpkg/status",
          "Package: git\nVersion: 1:2.39.5-0+deb12u2\nArchitecture: amd64\n\nPackage: libc6\nVersion: 2.36\n\n"
          "Package: dash\nVersion: 0.5\n\nPackage: bash\nVersion: 5.2\n");
    write("/var/lib/dpkg/diversions", "/bin/sh\n/bin/sh.distrib\ndash\n");
  }
  std::string owner(const std::string& path) { return dpkg_.owner_of(path).value_or("nobody"); }
  Tree tree_{root_};
  Dpkg dpkg_{tree_};
};

TEST_F(DpkgTest, NamesOwnerAndVersion) {
  EXPECT_EQ(owner("/usr/bin/git"), "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u2");
  EXPECT_EQ(owner("/usr/bin/absent"), "nobody");
  EXPECT_EQ(owner("/usr/bin/other"), "nobody");
}

TEST_F(DpkgTest, MergedUsr) {
  EXPECT_EQ(owner("/usr/lib/x86_64-linux-gnu/libc.so.6"), "pkg:deb/debian/libc6@2.36");
  EXPECT_EQ(owner("/bin/git"), "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u2");
}

TEST_F(DpkgTest, Diversions) {
  EXPECT_EQ(owner("/usr/bin/sh"), "pkg:deb/debian/dash@0.5") << "the diverting package's own file";
  EXPECT_EQ(owner("/usr/bin/sh.distrib"), "pkg:deb/debian/bash@5.2") << "the file that was moved away";
}

TEST(DpkgAbsent, NobodyOwnsAnything) {
  Tree tree("/nonexistent-root");
  EXPECT_FALSE(Dpkg(tree).owner_of("/usr/bin/git"));
}

}  // namespace
}  // namespace libguard
