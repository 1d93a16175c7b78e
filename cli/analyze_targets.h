// SPDX-License-Identifier: Apache-2.0
// What is analysed: one program, the programs of a script, or all that the entry point of an image can start.
//
// Way:     what the user names -> analyses.
// Thread:  main thread.
// Failure: an entry point that cannot be read is an Error; a program further down is left out and told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/analysis/analysis.h"
#include "core/analysis/image.h"

namespace libguard {

struct Targets {
  std::unique_ptr<Image> image;  // keeps unpacked files
  std::vector<std::unique_ptr<Analysis>> analyses;
  std::vector<std::string> notes;  // one line each, for stderr
  std::string name;                // as the user said it
};

struct TargetRequest {
  std::string program;                  // on this machine
  std::string image;                    // or an image …
  std::vector<std::string> entrypoint;  // … and the commands to start with; empty: the image's own
  AnalysisOptions options;              // program and root are filled in
};

Result<Targets> analyse_targets(TargetRequest request);

}  // namespace libguard
