// SPDX-License-Identifier: Apache-2.0
// Finds out what kind of image it is; OCI layouts: index, manifest, configuration, layers.
//
// Way:     see image.h.
// Thread:  one.
// Failure: see image.h.
#include "core/analysis/image.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/file.h"

namespace libguard {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kDeepestIndex = 4;

tl::unexpected<Error> bad_layout(const std::string& what) {
  return fail(Code::kInvalid, what, "is it a complete OCI layout? copy it again, for example with skopeo");
}

Result<Json> read_json(const std::string& path) {
  auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return bad_layout(path + " is no JSON object");
  return json;
}

// "sha256:12ab…" -> DIRECTORY/blobs/sha256/12ab…
std::optional<std::string> blob(const std::string& directory, const Json& descriptor) {
  if (!descriptor.is_object() || !descriptor.contains("digest") || !descriptor["digest"].is_string())
    return std::nullopt;
  std::string digest = descriptor["digest"];
  size_t colon = digest.find(':');
  if (colon == std::string::npos || digest.find_first_not_of("0123456789abcdefsh:", 0) != std::string::npos)
    return std::nullopt;
  return directory + "/blobs/" + digest.substr(0, colon) + "/" + digest.substr(colon + 1);
}

bool is_for_this_machine(const Json& descriptor) {
  const Json platform = descriptor.value("platform", Json::object());
  return platform.is_object() && platform.value("architecture", Json()) == Json("amd64") &&
         platform.value("os", Json("linux")) == Json("linux");
}

// The manifest behind an index: the one for x86-64, else the first.
Result<Json> manifest_of(const std::string& directory) {
  auto document = read_json(directory + "/index.json");
  for (int depth = 0; document && document->contains("manifests") && depth < kDeepestIndex; depth++) {
    const Json& manifests = (*document)["manifests"];
    if (!manifests.is_array() || manifests.empty()) return bad_layout(directory + " has no manifest");
    const Json* chosen = &manifests[0];
    for (const Json& descriptor : manifests)
      if (descriptor.is_object() && is_for_this_machine(descriptor)) chosen = &descriptor;
    auto path = blob(directory, *chosen);
    if (!path) return bad_layout(directory + " has a manifest without a digest");
    document = read_json(*path);
  }
  return document;
}

std::vector<std::string> strings(const Json& list) {
  std::vector<std::string> words;
  if (!list.is_array()) return words;
  for (const Json& word : list)
    if (word.is_string()) words.push_back(word);
  return words;
}

}  // namespace

Image::~Image() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

Status Image::make_temporary() {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "libguard-image-XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr)
    return fail(Code::kIo, std::string("cannot make a temporary directory: ") + std::strerror(errno), "set TMPDIR");
  temporary_ = name;
  root_ = name + "/root";
  ::mkdir(root_.c_str(), 0700);
  return {};
}

Result<std::unique_ptr<Image>> Image::open(const std::string& path) {
  std::unique_ptr<Image> image(new Image);
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0)
    return fail(Code::kNotFound, "cannot read " + path + ": " + std::strerror(errno),
                "check the path for a typing error");
  std::error_code error;
  std::string directory = fs::canonical(path, error).string();
  if (S_ISDIR(facts.st_mode) && !fs::exists(directory + "/oci-layout")) {
    image->root_ = directory;
    return image;
  }
  Status done = image->make_temporary();
  if (done && !S_ISDIR(facts.st_mode)) {
    done = unpack_tar(path, image->root_, false);
    if (done && !fs::exists(image->root_ + "/oci-layout")) return image;
    directory = image->temporary_ + "/layout";
    fs::rename(image->root_, directory, error);
    ::mkdir(image->root_.c_str(), 0700);
  }
  if (done) done = image->open_layout(directory);
  if (!done) return tl::unexpected(done.error());
  return image;
}

Status Image::open_layout(const std::string& directory) {
  auto manifest = manifest_of(directory);
  if (!manifest) return tl::unexpected(manifest.error());
  const Json layers = manifest->value("layers", Json());
  if (!layers.is_array()) return bad_layout(directory + " has a manifest without layers");
  for (const Json& layer : layers) {
    auto path = blob(directory, layer);
    if (!path) return bad_layout(directory + " has a layer without a digest");
    const Json kind = layer.value("mediaType", Json(""));
    if (kind.is_string() && kind.get<std::string>().ends_with("+zstd"))
      return fail(Code::kUnsupported, directory + " has a layer in zstd",
                  "copy it with gzip layers (skopeo --dest-compress-format gzip)");
    Status unpacked = unpack_tar(*path, root_, true);
    if (!unpacked) return unpacked;
  }
  auto path = blob(directory, manifest->value("config", Json()));
  auto text = path ? read_file(*path) : Result<std::string>("");
  if (text) read_configuration(*text);
  return {};
}

void Image::read_configuration(const std::string& text) {
  Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return;
  const Json config = document.value("config", Json());
  if (!config.is_object()) return;
  command = strings(config.value("Entrypoint", Json()));
  for (const std::string& word : strings(config.value("Cmd", Json()))) command.push_back(word);
  const Json directory = config.value("WorkingDir", Json());
  if (directory.is_string() && directory.get<std::string>().starts_with("/")) working_directory = directory;
  for (const std::string& variable : strings(config.value("Env", Json()))) {
    if (!variable.starts_with("PATH=")) continue;
    search_path.clear();
    for (size_t at = 5; at <= variable.size();) {
      size_t end = std::min(variable.find(':', at), variable.size());
      if (end > at) search_path.push_back(variable.substr(at, end - at));
      at = end + 1;
    }
  }
}

}  // namespace libguard
