// SPDX-License-Identifier: Apache-2.0
// `libguard analyze PROG`: every system call that a program and its libraries can make, without running it.
//
// Way:     binaries -> analysis -> text, JSON, profile.
// Thread:  main thread; the analysis uses a second one.
// Failure: what cannot be read: one line with a hint, exit 2; --why a call that cannot be made: exit 1.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/analyze_answer.h"
#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/analysis/elf_image.h"
#include "core/analysis/search.h"
#include "core/base/text.h"
#include "core/rights/rights.h"

namespace libguard {
namespace {

constexpr size_t kWitnesses = 3;  // in text

struct AnalyzeFlags {
  std::string program, why, exports, output, image, seen, level = "objects";
  std::vector<std::string> with, entrypoint;
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
  bool program = !flags.program.empty() || (!flags.exports.empty() && flags.image.empty());
  if (program && !flags.image.empty())
    return fail(Code::kInvalid, "analyze: a program and an image", "name the program with --entrypoint");
  if (!program && flags.image.empty())
    return fail(Code::kInvalid, "analyze: no program", "name one: libguard analyze /usr/sbin/nginx");
  if (flags.image.empty() && !flags.entrypoint.empty())
    return fail(Code::kInvalid, "analyze: --entrypoint without --image", "name the program itself");
  return {};
}

// What a recorded run of the program opened: what it had in its memory and no file there asks for.
Result<std::vector<std::string>> files_seen(const AnalyzeFlags& flags) {
  if (flags.seen.empty()) return std::vector<std::string>();
  auto profile = load_profile(flags.seen);
  if (!profile) return tl::unexpected(profile.error());
  std::error_code error;
  const std::string program = std::filesystem::canonical(found_in_path(flags.program), error).string();
  const auto files = profile->code.find(program);
  if (files == profile->code.end())
    return fail(Code::kNotFound, flags.seen + ": nothing of " + flags.program + " ran in this recording",
                "record the program itself: libguard record -o PROFILE -- " + flags.program);
  std::map<std::string, std::string> sonames;  // of the files
  std::set<std::string> needed;                // by others: they come by themselves
  for (const std::string& file : files->second) {
    auto image = ElfImage::open_head(file, file);
    if (!image) return tl::unexpected(image.error());
    if (file != program && image->interpreter.empty()) sonames[file] = image->soname;
    needed.insert(image->needed.begin(), image->needed.end());
  }
  std::vector<std::string> libraries;
  for (const auto& [file, soname] : sonames)
    if (needed.count(soname) == 0 && !soname.starts_with("ld-linux")) libraries.push_back(file);
  return libraries;
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
  request.program = flags.program.empty() ? library_path(flags.exports) : flags.program;
  request.image = flags.image;
  request.entrypoint = flags.entrypoint;
  AnalysisOptions& options = request.options;
  for (const std::string& name : flags.with)
    options.with.push_back(name.find('/') == std::string::npos || !flags.image.empty() ? name : found_in_path(name));
  auto seen = files_seen(flags);
  if (!seen) return trouble(seen.error());
  options.with.insert(options.with.end(), seen->begin(), seen->end());
  options.level = *level;
  options.open_found = !flags.only_with;
  options.cache = std::make_shared<SummaryCache>(flags.no_cache ? "" : SummaryCache::default_directory());
  options.progress = [&](const LoadProgress& p) { progress.show("analysing " + p.file + ":", p.done, p.total); };
  auto start = std::chrono::steady_clock::now();
  auto targets = analyse_targets(request);
  if (!targets) return trouble(targets.error());
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
