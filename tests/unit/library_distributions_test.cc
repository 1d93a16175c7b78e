// SPDX-License-Identifier: Apache-2.0
// What installed distributions own: RECORD, namespaces, egg-info, editable installs, eggs.
#include "core/library/distributions.h"
#include "tests/unit/library_fixture.h"

namespace libguard {
namespace {

constexpr const char* kSite = "/opt/py/lib/python3.11/site-packages";

class DistributionsTest : public LibraryFixture {
 protected:
  void begin() {
    write("/opt/py/bin/python3.11", "");
    directory("/opt/py/lib/python3.11");
    start();
    resolver_ = std::make_unique<Resolver>(options_, table_);
    resolver_->add_python({"/opt/py/bin/python3.11", "/opt/py/bin/python3.11", 3, 11});
  }
  std::string source(const std::string& path) {
    Resolved resolved = resolver_->resolve_source(path);
    EXPECT_EQ(resolved.trusted, resolved.library != LibraryId::kUnknown);
    return purl(resolved.library) + " " + resolved.module;
  }
  std::string in_site(const std::string& path) { return source(std::string(kSite) + "/" + path); }
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(DistributionsTest, TopLevelNamesBecomePrefixes) {
  install(kSite, "Requests", "2.31.0", {"requests/__init__.py", "requests/api.py", "six.py"},
          "../../../bin/req,,\n../../../../etc/x,,\n");
  write("/opt/py/bin/req");
  write("/opt/etc/x");
  write(std::string(kSite) + "/requests/later.py");
  write(std::string(kSite) + "/unowned.py");
  begin();
  EXPECT_EQ(in_site("requests/api.py"), "pkg:pypi/requests@2.31.0 requests.api");
  EXPECT_EQ(in_site("requests/__init__.py"), "pkg:pypi/requests@2.31.0 requests");
  EXPECT_EQ(in_site("requests/later.py"), "pkg:pypi/requests@2.31.0 requests.later");
  EXPECT_EQ(in_site("six.py"), "pkg:pypi/requests@2.31.0 six");
  EXPECT_EQ(source("/opt/py/bin/req"), "pkg:pypi/requests@2.31.0 bin.req");
  EXPECT_EQ(in_site("unowned.py"), "unknown ");
  EXPECT_EQ(source("/opt/etc/x"), "unknown ") << "RECORD reaches no further than the environment's scripts";
}

TEST_F(DistributionsTest, NamespacePackagesAreSplit) {
  install(kSite, "ns_a", "1", {"ns/a/__init__.py", "ns/a/x.py", "ns/loose_a.py", "ns/both/a.py"});
  install(kSite, "ns_b", "2", {"ns/b/__init__.py", "ns/both/b.py"});
  write(std::string(kSite) + "/ns/stray.py");
  write(std::string(kSite) + "/ns/a/generated.py");
  begin();
  EXPECT_EQ(in_site("ns/a/x.py"), "pkg:pypi/ns-a@1 ns.a.x");
  EXPECT_EQ(in_site("ns/a/generated.py"), "pkg:pypi/ns-a@1 ns.a.generated");
  EXPECT_EQ(in_site("ns/b/__init__.py"), "pkg:pypi/ns-b@2 ns.b");
  EXPECT_EQ(in_site("ns/loose_a.py"), "pkg:pypi/ns-a@1 ns.loose_a");
  EXPECT_EQ(in_site("ns/both/a.py"), "pkg:pypi/ns-a@1 ns.both.a");
  EXPECT_EQ(in_site("ns/both/b.py"), "pkg:pypi/ns-b@2 ns.both.b");
  EXPECT_EQ(in_site("ns/stray.py"), "unknown ");
}

TEST_F(DistributionsTest, AFileOfTwoBelongsToTheOneInstalledLast) {
  install(kSite, "zz_first", "1", {"tests/__init__.py", "first/__init__.py"});
  std::this_thread::sleep_for(std::chrono::milliseconds(25));
  install(kSite, "aa_second", "1", {"tests/__init__.py", "second/__init__.py"});
  begin();
  EXPECT_EQ(in_site("tests/__init__.py"), "pkg:pypi/aa-second@1 tests");
}

TEST_F(DistributionsTest, EggInfo) {
  std::string site = kSite;
  write(site + "/PyThing-2.0-py3.11.egg-info/PKG-INFO", "Metadata-Version: 1.1\nName: PyThing\nVersion: 2.0\n");
  write(site + "/PyThing-2.0-py3.11.egg-info/top_level.txt", "thing\n_thing\n");
  write(site + "/thing/__init__.py");
  write(site + "/_thing.py");
  write(site + "/old_style-0.1.egg-info", "Name: old-style\nVersion: 0.1\n");
  write(site + "/old_style/mod.py");
  install(site, "both", "3", {"both/__init__.py"});
  write(site + "/both.egg-info/PKG-INFO", "Name: both\nVersion: 2\n");
  begin();
  EXPECT_EQ(in_site("thing/__init__.py"), "pkg:pypi/pything@2.0 thing");
  EXPECT_EQ(in_site("_thing.py"), "pkg:pypi/pything@2.0 _thing");
  EXPECT_EQ(in_site("old_style/mod.py"), "pkg:pypi/old-style@0.1 old_style.mod");
  EXPECT_EQ(in_site("both/__init__.py"), "pkg:pypi/both@3 both");
}

TEST_F(DistributionsTest, EditableInstalls) {
  std::string site = kSite;
  std::string direct = R"({"dir_info": {"editable": true}, "url": "file:///src/one"})";
  install(site, "one", "1", {}, "__editable__.one-1.pth,,\n");
  write(site + "/__editable__.one-1.pth", "/src/one/src\n");
  write(site + "/one-1.dist-info/direct_url.json", direct);
  write("/src/one/src/one/core.py");
  write("/src/one/setup.py");
  install(site, "two", "2", {}, "__editable___two_2_finder.py,,\n__editable__.two-2.pth,,\n");
  write(site + "/__editable__.two-2.pth", "import __editable___two_2_finder; __editable___two_2_finder.install()\n");
  write(site + "/__editable___two_2_finder.py",
        "from x import y\nMAPPING: dict[str, str] = {'two': '/src/two/lib/package', 'solo': "
        "'/src/two/solo'}\nNAMESPACES = {}\n");
  write(site + "/two-2.dist-info/direct_url.json", direct);
  write("/src/two/lib/package/deep/mod.py");
  write("/src/two/solo.py");
  install(site, "three", "3", {}, "three.pth,,\n");  // not editable: its .pth gives it nothing
  write(site + "/three.pth", "/src/three\n");
  write("/src/three/three.py");
  begin();
  EXPECT_EQ(source("/src/one/src/one/core.py"), "pkg:pypi/one@1 one.core");
  EXPECT_EQ(source("/src/one/setup.py"), "unknown ");
  EXPECT_EQ(source("/src/two/lib/package/deep/mod.py"), "pkg:pypi/two@2 two.deep.mod");
  EXPECT_EQ(source("/src/two/solo.py"), "pkg:pypi/two@2 solo");
  EXPECT_EQ(source("/src/three/three.py"), "unknown ");
}

TEST_F(DistributionsTest, DevelopLinks) {
  write(std::string(kSite) + "/dev-pkg.egg-link", "/src/dev\n.");
  write("/src/dev/dev_pkg.egg-info/PKG-INFO", "Name: dev-pkg\nVersion: 7\n");
  write("/src/dev/dev_pkg/a.py");
  begin();
  EXPECT_EQ(source("/src/dev/dev_pkg/a.py"), "pkg:pypi/dev-pkg@7 dev_pkg.a");
}

TEST_F(DistributionsTest, EggsAndArchives) {
  std::string site = kSite;
  write(site + "/Zipped-1.5-py3.11.egg", "PK");
  write(site + "/Tree-1.6-py3.11.egg/EGG-INFO/PKG-INFO", "Name: Tree\nVersion: 1.6\n");
  write(site + "/Tree-1.6-py3.11.egg/tree/x.py");
  write("/opt/other.zip", "PK");
  begin();
  EXPECT_EQ(in_site("Zipped-1.5-py3.11.egg/zipped/mod.py"), "pkg:pypi/zipped@1.5 zipped.mod");
  EXPECT_EQ(in_site("Tree-1.6-py3.11.egg/tree/x.py"), "pkg:pypi/tree@1.6 tree.x");
  EXPECT_EQ(source("/opt/other.zip/mod.py"), "unknown ");
}

TEST_F(DistributionsTest, HostileMetadataOwnsNothing) {
  std::string site = kSite;
  write(site + "/empty-1.dist-info/INSTALLER", "pip");
  install(site, "sly", "1", {"sly/__init__.py"},
          "../../../../etc/shadow,,\n/abs/path.py,,\n\"quo\"\"ted,name.py\",,\n,,\n");
  write(site + "/binary-1.dist-info/RECORD", std::string("\0\xff\n\n,\n\"", 7));
  write(site + "/binary-1.dist-info/METADATA", "Name: ../../evil\nVersion: 1\n");
  write(site + "/quo\"ted,name.py");
  write("/abs/path.py");
  begin();
  EXPECT_EQ(source("/abs/path.py"), "unknown ");
  EXPECT_EQ(in_site("quo\"ted,name.py"), "pkg:pypi/sly@1 quo\"ted,name");
  EXPECT_GE(resolver_->unreadable(), 1u);
}

TEST(FinderMapping, ReadsOnlyTheMapping) {
  auto pairs = finder_mapping("x = {'a': '/b'}\nMAPPING = {'p': '/q', \"r\": \"/s\"}\nNAMESPACES = {'n': ['/o']}\n");
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[1].second, "/s");
  EXPECT_TRUE(finder_mapping("MAPPING = {'p': '/q").empty());
  EXPECT_TRUE(finder_mapping("MAPPING").empty());
}

}  // namespace
}  // namespace libguard
