// SPDX-License-Identifier: Apache-2.0
// Follows scripts to interpreters and commands, and in images programs to the programs that they start.
//
// Way:     see analyze_targets.h.
// Thread:  see analyze_targets.h.
// Failure: see analyze_targets.h.
#include "cli/analyze_targets.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "core/analysis/launch.h"
#include "core/base/search_path.h"

namespace libguard {
namespace {

constexpr size_t kMostPrograms = 512;

class Follower {
 public:
  Follower(TargetRequest& request, Targets& targets, std::vector<std::string> search_path)
      : request_(request), targets_(targets), tree_(request.options.root), search_path_(std::move(search_path)) {}

  void add(const std::string& path) {
    if (seen_.insert(path).second) work_.push_back(path);
  }
  // Programs that programs start are followed if `transitive`.
  Status run(bool transitive);

 private:
  Status analyse_one(const std::string& path, bool first, bool transitive);

  TargetRequest& request_;
  Targets& targets_;
  Tree tree_;
  std::vector<std::string> search_path_, work_;
  std::set<std::string> seen_;
};

Status Follower::analyse_one(const std::string& path, bool first, bool transitive) {
  AnalysisOptions options = request_.options;
  options.program = path;
  auto analysis = analyse(std::move(options));
  if (!analysis) {
    if (first) return tl::unexpected(analysis.error());
    targets_.notes.push_back("left out: " + analysis.error().what);
    return {};
  }
  if (transitive)
    for (const std::string& program : programs_started_by(**analysis)) add(program);
  targets_.analyses.push_back(std::move(*analysis));
  return {};
}

Status Follower::run(bool transitive) {
  for (size_t i = 0; i < work_.size(); i++) {
    if (i == kMostPrograms) {
      targets_.notes.push_back("more than " + std::to_string(kMostPrograms) + " programs: the rest is left out");
      break;
    }
    std::string path = work_[i];
    std::vector<std::string> commands = programs_of_script(tree_, path, search_path_);
    for (const std::string& program : commands) add(program);
    if (!commands.empty()) {
      targets_.notes.push_back(path + " is a script: " + std::to_string(commands.size()) +
                               " programs that it names are analysed");
      continue;
    }
    Status done = analyse_one(path, i == 0, transitive);
    if (!done) return done;
  }
  if (targets_.analyses.empty())
    return fail(Code::kNotFound, targets_.name + ": nothing that it starts was found",
                "name a program with --entrypoint");
  return {};
}

Status start_image(TargetRequest& request, Targets& targets) {
  auto image = Image::open(request.image);
  if (!image) return tl::unexpected(image.error());
  targets.image = std::move(*image);
  targets.name = request.image;
  request.options.root = targets.image->root();
  std::vector<std::string> commands = request.entrypoint.empty() ? targets.image->command : request.entrypoint;
  if (commands.empty())
    return fail(Code::kInvalid, request.image + " does not say what it starts",
                "name it: --entrypoint /usr/sbin/nginx");
  Tree tree(request.options.root);
  Follower follower(request, targets, targets.image->search_path);
  for (size_t i = 0; i < commands.size(); i++) {  // arguments may be commands: docker-entrypoint.sh nginx
    std::string program =
        find_executable(tree, commands[i], targets.image->search_path, targets.image->working_directory);
    if (!program.empty()) follower.add(program);
    if (program.empty() && (i == 0 || !request.entrypoint.empty()))
      return fail(Code::kNotFound, request.image + " has no program " + commands[i], "give its path inside the image");
  }
  return follower.run(true);
}

}  // namespace

Result<Targets> analyse_targets(TargetRequest request) {
  Targets targets;
  targets.name = request.program;
  Status done;
  if (!request.image.empty()) {
    done = start_image(request, targets);
  } else {
    Follower follower(request, targets, path_directories());
    follower.add(found_in_path(request.program));
    done = follower.run(false);
  }
  if (!done) return tl::unexpected(done.error());
  return targets;
}

}  // namespace libguard
