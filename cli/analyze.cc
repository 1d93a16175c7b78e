// SPDX-License-Identifier: Apache-2.0
// `libguard analyze PROG`: every system call that a program and its libraries can make, without running it.
//
// Way:     binaries -> analysis -> text, JSON, profile.
// Thread:  main thread; the analysis uses a second one.
// Failure: what cannot be read: one line with a hint, exit 2; --why a call that cannot be made: exit 1.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cli/analyze_answer.h"
#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/base/text.h"
#include "core/rights/rights.h"

namespace libguard {
namespace {

constexpr size_t kWitnesses = 3;  // in text

struct AnalyzeFlags {
  std::string program, why, exports, output, level = "objects";
  std::vector<std::string> with;
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

// A path as it is; a bare name as the shell would find it.
std::string found_in_path(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    std::unique_ptr<char, void (*)(void*)> real(::realpath(name.c_str(), nullptr), std::free);
    return real == nullptr ? name : std::string(real.get());
  }
  const char* path = std::getenv("PATH");
  std::string list = path == nullptr ? "/usr/sbin:/usr/bin" : path;
  for (size_t at = 0; at <= list.size();) {
    size_t end = std::min(list.find(':', at), list.size());
    std::string candidate = list.substr(at, end - at) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return found_in_path(candidate);
    at = end + 1;
  }
  return name;
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

int answer_exports(const Analysis& analysis, const AnalyzeFlags& flags, ProgressOnTerminal& progress) {
  uint32_t module = analysis.find_module(flags.exports);
  if (module == Program::kNoModule) {
    std::vector<std::string> names;
    for (uint32_t i = 1; i < analysis.program().modules().size(); i++)
      names.push_back(analysis.program().summary(i).soname);
    return trouble(
        {Code::kNotFound, flags.program + " does not load " + flags.exports, did_you_mean(flags.exports, names)});
  }
  const std::string& path = analysis.program().modules()[module].path;
  size_t last = 0;
  auto rows = analysis.exports(module, [&](size_t done, size_t total) {
    if (done >= last + 100) progress.show("exported functions", last = done, total);
  });
  return answer_to(flags.output, flags.json ? exports_json(path, rows) : exports_text(path, rows), kYes);
}

int answer_analysis(const Analysis& analysis, const AnalyzeFlags& flags, double seconds, ProgressOnTerminal& progress) {
  if (!flags.why.empty()) {
    auto call = call_of(flags.why);
    if (!call) return trouble(call.error());
    std::string text = flags.json ? why_json(analysis, *call) : why_text(analysis, *call, kWitnesses);
    return answer_to(flags.output, text, analysis.calls().test(static_cast<size_t>(*call)) ? kYes : kNo);
  }
  if (!flags.exports.empty()) return answer_exports(analysis, flags, progress);
  if (flags.matrix) return answer_to(flags.output, flags.json ? matrix_json(analysis) : matrix_text(analysis), kYes);
  if (flags.json) return answer_to(flags.output, to_json(profile_of(analysis, seconds)), kYes);
  return answer_to(flags.output, calls_text(analysis, seconds), kYes);
}

int run_analyze(const AnalyzeFlags& flags) {
  auto level = level_of(flags.level);
  if (!level) return trouble(level.error());
  if (flags.program.empty() && flags.exports.empty())
    return trouble({Code::kInvalid, "analyze: no program", "name one: libguard analyze /usr/sbin/nginx"});
  ProgressOnTerminal progress;
  AnalysisOptions options;
  options.program = found_in_path(flags.program.empty() ? flags.exports : flags.program);
  for (const std::string& name : flags.with)
    options.with.push_back(name.find('/') == std::string::npos ? name : found_in_path(name));
  options.level = *level;
  options.open_found = !flags.only_with;
  options.cache_directory = flags.no_cache ? "" : SummaryCache::default_directory();
  options.progress = [&](const LoadProgress& p) { progress.show("analysing " + p.file + ":", p.done, p.total); };
  auto start = std::chrono::steady_clock::now();
  auto analysis = analyse(options);
  if (!analysis) return trouble(analysis.error());
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  int code = answer_analysis(**analysis, flags, seconds, progress);
  for (const std::string& limit : limits_of(**analysis)) std::fprintf(stderr, "libguard: %s\n", limit.c_str());
  auto counts = (*analysis)->cache_counts();
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
