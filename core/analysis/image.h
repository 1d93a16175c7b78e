// SPDX-License-Identifier: Apache-2.0
// A container image on disk: a directory, a tar of a root file system, or an OCI layout (as a directory or in a tar).
//
// Way:     image -> root directory, start command -> analysis.
// Thread:  one.
// Failure: an archive that is cut or strange, a layer of an unknown kind: an Error that names it.
//
// Unpacked files lie in a private temporary directory until the Image ends. Nothing leaves it: paths are resolved
// inside the root, and only files, directories and links are made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace libguard {

class Image {
 public:
  static Result<std::unique_ptr<Image>> open(const std::string& path);
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  const std::string& root() const { return root_; }
  std::vector<std::string> command;  // entry point and arguments as the image says; empty if it does not
  std::vector<std::string> search_path = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                          "/usr/bin",        "/sbin",          "/bin"};
  std::string working_directory = "/";

 private:
  Image() = default;
  Status make_temporary();
  Status open_layout(const std::string& directory);
  void read_configuration(const std::string& text);

  std::string root_, temporary_;
};

// Unpacks a tar archive (plain or gzip) below `root`. With `layer`, whiteouts remove what earlier layers brought.
Status unpack_tar(const std::string& archive, const std::string& root, bool layer);

}  // namespace libguard
