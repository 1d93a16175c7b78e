// SPDX-License-Identifier: Apache-2.0
// Events: round trip, identity, text, broken lines.
#include "core/event/event.h"

#include <gtest/gtest.h>

#include <random>

#include "core/event/format.h"

namespace libguard {
namespace {

Event sample() {
  Event event;
  event.time = "2026-01-02T03:04:05.678Z";
  event.kind = "deviation";
  event.mode = "enforce";
  event.action = "deny";
  event.phase = "serving";
  event.role = "caller";
  event.host = "web1";
  event.pid = 12;
  event.tid = 13;
  event.exe = "/usr/bin/python3.11";
  event.library_purl = "pkg:pypi/simple-library@1.0";
  event.library_path = "/srv/venv/lib/python3.11/site-packages/simple_library.py";
  event.culprits = {{"pkg:pypi/simple-library@1.0", "caller"}, {"pkg:pypi/flask@3.0.0", "stack"}};
  event.caller = "pkg:pypi/simple-library@1.0";
  event.stack = {{"runtime", "subprocess.Popen._execute_child"}, {"pkg:pypi/simple-library@1.0", "simple_library.out"}};
  event.native = {{"execve", "/usr/lib/libc.so.6"}, {"sub_51af0", "/usr/sbin/server"}};
  event.right_name = "execve";
  event.right_group = "@exec";
  event.right_nr = 59;
  event.policy_digest = std::string(64, 'a');
  event.grant = "pkg:pypi/simple-library: { grant: { caller: [\"@exec\"] } }";
  event.count = 7;
  event.id = event_id(event);
  return event;
}

TEST(Event, RoundTrip) {
  Event event = sample();
  std::string line = to_json_line(event);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  auto back = parse_event(line);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, event);
}

TEST(Event, OtherKindsNeedNoRight) {
  Event event;
  event.time = "2026-01-02T03:04:05.678Z";
  event.kind = "phase";
  event.pid = 4;
  event.message = "serving";
  auto back = parse_event(to_json_line(event));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, event);
  EXPECT_EQ(to_text_line(event), "phase pid 4: serving");
}

TEST(Event, IdDependsOnLibraryRightAndStackOnly) {
  Event event = sample(), other = sample();
  EXPECT_EQ(event.id.size(), 12u);
  other.pid = 99;
  other.count = 1;
  other.time = "2027-01-02T03:04:05.678Z";
  EXPECT_EQ(event_id(other), event.id);
  other.stack[1].frame += "x";
  EXPECT_NE(event_id(other), event.id);
  other = sample();
  other.right_name = "openat:write";
  EXPECT_NE(event_id(other), event.id);
  // The border between two fields counts.
  other = sample();
  other.stack = {{"runtime", "ab"}, {"c", ""}};
  Event shifted = other;
  shifted.stack = {{"runtime", "a"}, {"bc", ""}};
  EXPECT_NE(event_id(other), event_id(shifted));
}

TEST(Event, TextLineNamesCulpritsCallerRightAndStack) {
  EXPECT_EQ(to_text_line(sample()),
            "denied execve (@exec) by pkg:pypi/simple-library@1.0 (caller), pkg:pypi/flask@3.0.0 (stack); caller "
            "pkg:pypi/simple-library@1.0; stack subprocess.Popen._execute_child < simple_library.out; 7 times [" +
                sample().id + "]");
}

TEST(Event, ImportsAreOneFrameForPeople) {
  Event event = sample();
  const EventFrame import{"runtime", "importlib._bootstrap._find_and_load"};
  event.stack = {import,
                 {"runtime", "_frozen_importlib_external._LoaderBasics.exec_module"},
                 {"pkg:pypi/a@1", "a.<module>"},
                 import,
                 {"pkg:pypi/evil@1", "importlib._bootstrap.mine"}};
  EXPECT_NE(to_text_line(event).find("stack (import) < a.<module> < (import) < importlib._bootstrap.mine;"),
            std::string::npos)
      << "a library's own frames are never folded: " << to_text_line(event);
}

TEST(Event, ANativeProgramIsOneEntryWithoutAName) {
  Event event = sample();
  EXPECT_FALSE(is_native_program(event));
  event.exe = event.library_path = "/usr/bin/dash";
  event.library_purl = "pkg:deb/debian/dash@0.5";
  event.stack = {{event.library_purl, ""}};
  EXPECT_TRUE(is_native_program(event));
  event.library_path = "/srv/site-packages/dash";
  EXPECT_FALSE(is_native_program(event)) << "code that was made at run time";
}

TEST(Event, HostileNamesStayOnOneLine) {
  Event event = sample();
  event.stack[0].frame = "a\nb\x1b[31m\xff\xc2\x9b";
  EXPECT_EQ(to_text_line(event).find_first_of("\n\x1b\xff\x9b"), std::string::npos);
  std::string line = to_json_line(event);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_TRUE(parse_event(line));
}

TEST(Event, UnknownKeyIsNamed) {
  auto event = parse_event(R"({"time":"t","kind":"load","pidd":3})");
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().what, "unknown key 'pidd'");
  EXPECT_EQ(event.error().hint, "did you mean 'pid'?");
}

TEST(Event, FileNamesTheLine) {
  auto events = parse_events(to_json_line(sample()) + "\n\n{\"kind\":\"load\"}\n", "e.jsonl");
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().what, "e.jsonl:3: missing key 'time'");
  EXPECT_EQ(events.error().hint, "time: RFC 3339, UTC, milliseconds.");
}

TEST(Event, LastLineStillBeingWrittenIsLeftOut) {
  std::string line = to_json_line(sample());
  auto events = parse_events(line + "\n" + line.substr(0, line.size() / 2), "e.jsonl");
  ASSERT_TRUE(events) << events.error().what;
  EXPECT_EQ(events->size(), 1u);
}

TEST(Event, DistinctKeepsHighestCount) {
  Event first = sample(), again = sample();
  first.count = 1;
  again.count = 100;
  Event phase;
  phase.kind = "phase";
  auto distinct = distinct_deviations({first, phase, again});
  ASSERT_EQ(distinct.size(), 1u);
  EXPECT_EQ(distinct[0].count, 100u);
}

TEST(Event, MutatedLinesNeverCrashAndAlwaysHint) {
  std::mt19937 random(7);
  const std::string good = to_json_line(sample());
  int refused = 0;
  for (int round = 0; round < 4000; round++) {
    std::string bad = good;
    for (int edit = 0; edit < 1 + static_cast<int>(random() % 4); edit++) {
      size_t place = random() % bad.size();
      switch (random() % 4) {
        case 0:
          bad[place] = static_cast<char>(random());
          break;
        case 1:
          bad.erase(place, random() % 20);
          break;
        case 2:
          bad.insert(place, bad.substr(random() % bad.size(), random() % 30));
          break;
        default:
          bad.resize(place + 1);
      }
    }
    auto event = parse_event(bad);
    if (event) continue;
    refused++;
    EXPECT_FALSE(event.error().what.empty());
    EXPECT_FALSE(event.error().hint.empty());
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace libguard
