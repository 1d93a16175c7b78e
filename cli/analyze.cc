// SPDX-License-Identifier: Apache-2.0
// `libguard analyze PROG`: every system call that a program and its libraries can make, without running it.
//
// Way:     binaries -> analysis -> text, JSON, profile.
// Thread:  main thread; the analysis uses a second one.
// Failure: what cannot be read: one line with a hint, exit 2; --why a call that cannot be made: exit 1.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/analyze_answer.h"
#include "cli/analyze_live.h"
#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/analysis/search.h"
#include "core/base/search_path.h"
#include "core/base/text.h"
#include "core/rights/rights.h"

namespace libguard {
namespace {

constexpr size_t kWitnesses = 3;  // in text

struct AnalyzeFlags {
  std::string program, why, exports, output, image, seen, level = "objects", phase = "init", pointers;
  std::vector<std::string> with, entrypoint;
  pid_t pid = 0;
  bool matrix = false, json = false, only_with = false, no_cache = false;
};

struct LevelName {
  const char* name;
  Level level;
};
constexpr LevelName kLevels[] = {{"taken", Level::kTaken}, {"reached", Level::kReached}, {"objects", Level::kObjects}};

Result<Level> level_of(const std::string& name) {
  std::vector<std::string> known;
  for (const LevelName& level : kLevels) {
    if (name == level.name) return level.level;
    known.push_back(level.name);
  }
  return fail(Code::kInvalid, "analyze: unknown level '" + name + "'", did_you_mean(name, known));
}

Result<int> call_of(const std::string& name) {
  auto right = find_right(name);
  if (right && number(*right) < CallSet().size()) return number(*right);
  return fail(
      Code::kInvalid, "analyze: '" + name + "' is no system call",
      suggest(name) ? "did you mean '" + *suggest(name) + "'?" : "give its name as in openat, or syscall:NUMBER");
}

// A library alone: as the loader would find it.
std::string library_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  Tree tree("/");
  return LibrarySearch(tree, "").find(name, {}).value_or(name);
}

class ProgressOnTerminal {
 public:
  ProgressOnTerminal() : wanted_(::isatty(STDERR_FILENO)) {}
  ~ProgressOnTerminal() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  void show(const std::string& what, size_t done, size_t total) {
    if (!wanted_) return;
    shown_ = true;
    std::fprintf(stderr, "\r\033[K%s %zu of %zu", what.c_str(), done, total);
    std::fflush(stderr);
  }

 private:
  bool wanted_, shown_ = false;
};

int answer_exports(const Targets& targets, const AnalyzeFlags& flags, ProgressOnTerminal& progress) {
  std::vector<std::string> names;
  for (const auto& analysis : targets.analyses) {
    uint32_t module = analysis->find_module(flags.exports);
    if (module == Program::kNoModule) {
      for (uint32_t i = 1; i < analysis->program().modules().size(); i++)
        names.push_back(analysis->program().summary(i).soname);
      continue;
    }
    const std::string& path = analysis->program().modules()[module].path;
    size_t last = 0;
    auto rows = analysis->exports(module, [&](size_t done, size_t total) {
      if (done >= last + 100) progress.show("exported functions", last = done, total);
    });
    return answer_to(flags.output, flags.json ? exports_json(path, rows) : exports_text(path, rows), kYes);
  }
  return trouble(
      {Code::kNotFound, targets.name + " does not load " + flags.exports, did_you_mean(flags.exports, names)});
}

int answer_targets(const Targets& targets, const AnalyzeFlags& flags, double seconds, ProgressOnTerminal& progress) {
  if (!flags.why.empty()) {
    auto call = call_of(flags.why);
    if (!call) return trouble(call.error());
    std::string text = flags.json ? why_json(targets, *call) : why_text(targets, *call, kWitnesses);
    return answer_to(flags.output, text, calls_of(targets).test(static_cast<size_t>(*call)) ? kYes : kNo);
  }
  if (!flags.exports.empty()) return answer_exports(targets, flags, progress);
  if (flags.matrix) return answer_to(flags.output, flags.json ? matrix_json(targets) : matrix_text(targets), kYes);
  if (flags.json) return answer_to(flags.output, to_json(profile_of(targets, seconds)), kYes);
  return answer_to(flags.output, calls_text(targets, seconds), kYes);
}

Status check(const AnalyzeFlags& flags) {
  bool program = !flags.program.empty() || flags.pid != 0 || (!flags.exports.empty() && flags.image.empty());
  if (program && !flags.image.empty())
    return fail(Code::kInvalid, "analyze: a program and an image", "name the program with --entrypoint");
  if (!program && flags.image.empty())
    return fail(Code::kInvalid, "analyze: no program", "name one: libguard analyze /usr/sbin/nginx");
  if (flags.image.empty() && !flags.entrypoint.empty())
    return fail(Code::kInvalid, "analyze: --entrypoint without --image", "name the program itself");
  if (flags.pid != 0 && !flags.seen.empty())
    return fail(Code::kInvalid, "analyze: --pid and --seen", "name one of them");
  if (flags.phase != "init" && flags.phase != "serving")
    return fail(Code::kInvalid, "analyze: unknown phase '" + flags.phase + "'",
                did_you_mean(flags.phase, {"init", "serving"}));
  if (!flags.pointers.empty() && flags.pointers != "seen" && flags.pointers != "memory")
    return fail(Code::kInvalid, "analyze: unknown pointers '" + flags.pointers + "'",
                did_you_mean(flags.pointers, {"seen", "memory"}));
  if (flags.phase == "serving" && flags.pid == 0 && flags.seen.empty())
    return fail(Code::kInvalid, "analyze: the phase serving begins in a process that runs",
                "name it with --pid, or a recording of it with --seen");
  return {};
}

Result<LiveProgram> live_program(const AnalyzeFlags& flags) {
  if (flags.pid != 0) return read_process(flags.pid);
  if (!flags.seen.empty()) return read_recording(flags.seen, flags.program);
  return LiveProgram();
}

// What a run knows of the phase serving becomes part of the analysis.
Status resume(Targets& targets, const LiveProgram& live, const AnalyzeFlags& flags) {
  const bool seen = flags.pointers == "seen" || (flags.pointers.empty() && flags.pid == 0);
  std::vector<std::string> unknown;
  bool any = false;
  for (const auto& analysis : targets.analyses) {
    if (!live.state || analysis->options().program != live.program) continue;
    analysis->resume(*live.state, seen ? LivePointers::kSeen : LivePointers::kMemory, &unknown);
    analysis->show_serving(flags.phase == "serving" || flags.pid != 0);
    any = true;
  }
  for (const std::string& file : unknown) targets.notes.push_back("ran, and is no part of the program: " + file);
  if (any || flags.phase != "serving") return {};
  return fail(Code::kNotFound, flags.seen + ": " + targets.name + " never came to serving in this recording",
              "record it with --phases auto, until it serves");
}

int run_analyze(const AnalyzeFlags& flags) {
  auto level = level_of(flags.level);
  if (!level) return trouble(level.error());
  if (!flags.why.empty())
    if (auto call = call_of(flags.why); !call) return trouble(call.error());
  Status good = check(flags);
  if (!good) return trouble(good.error());
  ProgressOnTerminal progress;
  TargetRequest request;
  auto live = live_program(flags);
  if (!live) return trouble(live.error());
  request.program = flags.program.empty() ? library_path(flags.exports) : flags.program;
  if (flags.pid != 0) request.program = live->program;
  request.image = flags.image;
  request.entrypoint = flags.entrypoint;
  AnalysisOptions& options = request.options;
  for (const std::string& name : flags.with)
    options.with.push_back(name.find('/') == std::string::npos || !flags.image.empty() ? name : found_in_path(name));
  options.with.insert(options.with.end(), live->opened.begin(), live->opened.end());
  options.level = *level;
  options.open_found = !flags.only_with;
  options.cache = std::make_shared<SummaryCache>(flags.no_cache ? "" : SummaryCache::default_directory());
  options.progress = [&](const LoadProgress& p) { progress.show("analysing " + p.file + ":", p.done, p.total); };
  auto start = std::chrono::steady_clock::now();
  auto targets = analyse_targets(request);
  if (!targets) return trouble(targets.error());
  if (auto resumed = resume(*targets, *live, flags); !resumed) return trouble(resumed.error());
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  int code = answer_targets(*targets, flags, seconds, progress);
  for (const std::string& note : targets->notes) std::fprintf(stderr, "libguard: %s\n", note.c_str());
  for (const std::string& limit : limits_of(*targets)) std::fprintf(stderr, "libguard: %s\n", limit.c_str());
  auto counts = options.cache->counts();
  if (counts.broken + counts.unwritable != 0)
    std::fprintf(stderr, "libguard: cache: %llu entries were broken, %llu could not be written\n",
                 static_cast<unsigned long long>(counts.broken), static_cast<unsigned long long>(counts.unwritable));
  return code;
}

}  // namespace

void add_analyze(CLI::App& app, Verbs& verbs) {
  auto flags = std::make_shared<AnalyzeFlags>();
  CLI::App* verb = app.add_subcommand("analyze", "Find every system call that a program can make, without running it");
  verb->add_option("PROG", flags->program, "Program or library");
  verb->add_option("--with", flags->with, "Library that it opens at run time: path or name; may be repeated")
      ->take_all();
  verb->add_option("--seen", flags->seen, "A profile of record: with the files whose code ran there");
  verb->add_option("--pid", flags->pid, "Instead of PROG: what this process can still do");
  verb->add_option("--phase", flags->phase, "With --seen: answer for init (the whole program) or serving")
      ->capture_default_str();
  verb->add_option("--pointers", flags->pointers,
                   "What calls through pointers reach in serving: seen (--seen), memory (--pid)");
  verb->add_option("--image", flags->image, "Instead of PROG: image as a directory, a tar, or an OCI layout");
  verb->add_option("--entrypoint", flags->entrypoint,
                   "What the image starts; may be repeated; else what it says itself")
      ->take_all();
  verb->add_flag("--only-with", flags->only_with, "Open nothing at run time but what --with names");
  verb->add_option("--why", flags->why, "How can this call be made? Exit 1 if it cannot");
  verb->add_option("--exports", flags->exports, "The calls behind each exported function of this library");
  verb->add_flag("--matrix", flags->matrix, "The calls of each file");
  verb->add_option("--level", flags->level, "Pointers: objects (finest), reached, taken (coarsest)");
  verb->add_flag("--no-cache", flags->no_cache, "Neither read nor write summaries in the cache directory");
  verb->add_flag("--json", flags->json, "JSON; without --why, --exports, --matrix: a profile");
  verb->add_option("-o,--output", flags->output, "File to write; else standard output");
  verbs.push_back({verb, [flags] { return run_analyze(*flags); }});
}

}  // namespace libguard
