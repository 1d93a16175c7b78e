// SPDX-License-Identifier: Apache-2.0
// libguard: reads the command line, finds the verb, runs it.
//
// Way:     what the user types -> one verb.
// Thread:  main thread.
// Failure: wrong words: one line with "did you mean", exit 125 for record and run, 2 for the verbs that answer.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/base/text.h"

namespace libguard {
namespace {

constexpr int kWrapperTrouble = 125, kQuestionTrouble = kTrouble;

int g_trouble_status = kQuestionTrouble;

// Nothing can be judged without memory. When the supervisor ends, the kernel refuses what would have been judged.
[[noreturn]] void out_of_memory() {
  static const char kText[] =
      "libguard: out of memory; what a guard would have judged is refused from now on\n"
      "hint: raise the limit of memory (ulimit -v, the container's or the service's), then start again\n";
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  ::_exit(g_trouble_status);
}

bool is_wrapper(const std::string& verb) { return verb == "run" || verb == "record" || verb == "supervise"; }

// A descriptor 0, 1 or 2 that is closed would become the next file that is opened, and messages would go into it. The
// guarded program finds it closed as before.
void hold_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

// Beyond the limit of file sizes a write shall fail, not end a supervisor. Handlers do not outlive exec.
void survive_file_size_limit() {
  struct sigaction action {};
  if (::sigaction(SIGXFSZ, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) return;
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGXFSZ, &action, nullptr);
}

// Everything behind the first "--" belongs to the guarded program.
std::vector<std::string> take_command(int* argc, char** argv) {
  for (int i = 1; i < *argc; i++) {
    if (std::string(argv[i]) != "--") continue;
    std::vector<std::string> command(argv + i + 1, argv + *argc);
    *argc = i;
    return command;
  }
  return {};
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app->get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

const CLI::App* chosen_verb(const CLI::App& app) {
  const CLI::App* verb = &app;
  while (!verb->get_subcommands().empty()) verb = verb->get_subcommands().front();
  return verb;
}

std::vector<std::string> verb_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app->get_subcommands([](const CLI::App*) { return true; }))
    if (!verb->get_group().empty()) names.push_back(verb->get_name());
  return names;
}

bool is_short_option(const CLI::App* app, const std::string& word) {
  for (const CLI::Option* option : app->get_options())
    for (const std::string& name : option->get_snames())
      if (word == "-" + name) return true;
  return false;
}

// "libguard policy new"
std::string full_name(const CLI::App* verb) {
  return verb->get_parent() == nullptr ? verb->get_name() : full_name(verb->get_parent()) + " " + verb->get_name();
}

// The first word that nobody understood, for "did you mean".
std::string stray_word(int argc, char** argv, const CLI::App* verb, const std::vector<std::string>& known) {
  for (int i = 1; i < argc; i++) {
    std::string word = argv[i];
    word = word.substr(0, word.find('='));
    bool is_option = word.rfind("-", 0) == 0;
    bool is_verb = !is_option && (verb->get_parent() == nullptr || !verb_names(verb).empty());
    if (!is_option && (!is_verb || word == verb->get_name())) continue;
    bool fits = is_short_option(verb, word);
    for (const std::string& name : known) fits = fits || name == word;
    if (!fits) return word;
  }
  return "";
}

int explain_parse_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const CLI::App* verb = chosen_verb(app);
  bool inner = verb->get_parent() == nullptr || !verb_names(verb).empty();
  std::vector<std::string> known = inner ? verb_names(verb) : option_names(verb);
  std::string word = stray_word(argc, argv, verb, known);
  std::string hint = word.empty() ? "see " + full_name(verb) + " --help" : did_you_mean(word, known);
  if (word.empty() && is_wrapper(verb->get_name()) && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    hint = "the command stands behind '--': " + full_name(verb) + " [OPTIONS] -- CMD ARGUMENTS";
  std::fprintf(stderr, "libguard: %s\nhint: %s\n", error.what(), hint.c_str());
  return is_wrapper(verb->get_name()) ? kWrapperTrouble : kQuestionTrouble;
}

int run(int argc, char** argv) {
  std::set_new_handler(out_of_memory);
  hold_standard_descriptors();
  survive_file_size_limit();
  std::vector<std::string> command = take_command(&argc, argv);
  CLI::App app{"Gives every library inside a process its own rights to make system calls.", "libguard"};
  app.set_version_flag("--version", "libguard " LIBGUARD_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  Verbs verbs;
  add_record(app, verbs, command);
  add_policy(app, verbs);
  add_run(app, verbs, command);
  add_report(app, verbs);
  add_explain(app, verbs);
  add_export(app, verbs);
  add_merge(app, verbs);
  add_analyze(app, verbs);
  add_status(app, verbs);
  add_phase(app, verbs);
  add_adopt(app, verbs);
  add_end(app, verbs);
  add_doctor(app, verbs);
  add_supervise(app, verbs);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& error) {
    return printed(app.exit(error));
  } catch (const CLI::CallForAllHelp& error) {
    return printed(app.exit(error));
  } catch (const CLI::CallForVersion& error) {
    return printed(app.exit(error));
  } catch (const CLI::ParseError& error) {
    return explain_parse_error(app, error, argc, argv);
  }
  for (const Verb& verb : verbs) {
    if (!verb.app->parsed() || !verb.app->get_subcommands().empty()) continue;
    if (is_wrapper(verb.app->get_name())) g_trouble_status = kWrapperTrouble;
    const int code = verb.run();
    return is_wrapper(verb.app->get_name()) || code == kQuestionTrouble ? code : printed(code);
  }
  return kQuestionTrouble;
}

}  // namespace
}  // namespace libguard

int main(int argc, char** argv) {
  try {
    return libguard::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr,
                 "libguard: unexpected: %s\nhint: a mistake in libguard itself; please report it with the command\n",
                 error.what());
    return libguard::g_trouble_status;
  }
}
