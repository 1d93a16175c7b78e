// SPDX-License-Identifier: Apache-2.0
// Unpacks tar archives (ustar, GNU long names, PAX paths), plain or gzip.
//
// Way:     see image.h.
// Thread:  one.
// Failure: see image.h.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>

#include "core/analysis/image.h"
#include "core/library/tree.h"

namespace libguard {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 512;
constexpr uint64_t kLargestText = 1u << 20;   // of a long name or a PAX header
constexpr uint64_t kMostBytes = 64ull << 30;  // an archive that says more is not believed

struct Entry {
  std::string path, link;
  char kind = '0';
  uint64_t size = 0;
  mode_t mode = 0;
};

class Archive {
 public:
  explicit Archive(const std::string& path) : path_(path), file_(::gzopen(path.c_str(), "rb"), &::gzclose) {}
  bool is_open() const { return file_ != nullptr; }
  bool read(void* into, size_t size) {  // all or nothing
    auto* bytes = static_cast<char*>(into);
    while (size > 0) {
      int count = ::gzread(file_.get(), bytes, static_cast<unsigned>(std::min<size_t>(size, 1u << 20)));
      if (count <= 0) return false;
      bytes += count;
      size -= static_cast<size_t>(count);
    }
    return true;
  }
  bool skip(uint64_t size) {
    std::array<char, 65536> bytes;
    for (; size > 0; size -= std::min<uint64_t>(size, bytes.size()))
      if (!read(bytes.data(), std::min<uint64_t>(size, bytes.size()))) return false;
    return true;
  }
  tl::unexpected<Error> broken(const std::string& why) const {
    return fail(Code::kInvalid, path_ + " is a broken archive: " + why, "is it complete, and a tar file?");
  }

 private:
  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

uint64_t number_of(const char* field, size_t width) {
  if (static_cast<unsigned char>(field[0]) & 0x80) {  // GNU: big-endian binary
    uint64_t value = 0;
    for (size_t i = width - 8; i < width; i++) value = value << 8 | static_cast<unsigned char>(field[i]);
    return value;
  }
  uint64_t value = 0;
  for (size_t i = 0; i < width && field[i] != '\0'; i++)
    if (field[i] >= '0' && field[i] <= '7') value = value * 8 + static_cast<uint64_t>(field[i] - '0');
  return value;
}

std::string text_of(const char* field, size_t width) { return std::string(field, ::strnlen(field, width)); }

bool has_good_checksum(const char* header) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; i++) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  return sum == number_of(header + 148, 8);
}

// "27 path=some/name\n" …
void read_pax(std::string_view text, Entry& entry) {
  while (!text.empty()) {
    size_t length = std::strtoull(std::string(text.substr(0, 20)).c_str(), nullptr, 10), space = text.find(' ');
    if (length == 0 || length > text.size() || space >= length) return;
    std::string_view record = text.substr(space + 1, length - space - 2);
    if (record.starts_with("path=")) entry.path = record.substr(5);
    if (record.starts_with("linkpath=")) entry.link = record.substr(9);
    if (record.starts_with("size=")) entry.size = std::strtoull(std::string(record.substr(5)).c_str(), nullptr, 10);
    text.remove_prefix(length);
  }
}

class Unpacker {
 public:
  Unpacker(Archive& archive, const std::string& root, bool layer)
      : archive_(archive), root_(root), tree_(root), layer_(layer) {}
  Status run();

 private:
  Status read_text(uint64_t size, std::string& text);
  Status add(const Entry& entry);
  std::string place_of(const std::string& path) const;
  bool whiteout(const std::string& place) const;
  Status write_file(const std::string& place, const Entry& entry);

  Archive& archive_;
  std::string root_;
  Tree tree_;
  bool layer_;
};

Status Unpacker::read_text(uint64_t size, std::string& text) {
  if (size > kLargestText) return archive_.broken("a name is too long");
  text.resize(size);
  if (!archive_.read(text.data(), size) || !archive_.skip((kBlock - size % kBlock) % kBlock))
    return archive_.broken("it ends inside a name");
  return {};
}

// On the host: the parent resolved inside the root, then the name itself, which is never followed.
std::string Unpacker::place_of(const std::string& path) const {
  std::string normal = normal_path("/" + path);
  if (normal.empty() || normal == "/") return "";
  std::string parent = tree_.real_path(parent_of(normal)).path;
  std::error_code ignored;
  fs::create_directories(root_ + (parent == "/" ? "" : parent), ignored);
  return root_ + (parent == "/" ? "" : parent) + "/" + std::string(name_of(normal));
}

bool Unpacker::whiteout(const std::string& place) const {
  constexpr std::string_view kMark = ".wh.", kOpaque = ".wh..wh..opq";
  std::string_view name = name_of(place);
  if (!layer_ || !name.starts_with(kMark)) return false;
  std::string directory(parent_of(place));
  std::error_code ignored;
  if (name == kOpaque) {
    for (const auto& entry : fs::directory_iterator(directory, ignored)) fs::remove_all(entry.path(), ignored);
  } else {
    fs::remove_all(directory + "/" + std::string(name.substr(kMark.size())), ignored);
  }
  return true;
}

Status Unpacker::write_file(const std::string& place, const Entry& entry) {
  int fd = ::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(Code::kIo, "cannot write " + place + ": " + std::strerror(errno), "is there space in TMPDIR?");
  std::array<char, 65536> bytes;
  uint64_t left = entry.size;
  bool good = true;
  while (left > 0 && good) {
    size_t count = std::min<uint64_t>(left, bytes.size());
    if (!archive_.read(bytes.data(), count)) {
      ::close(fd);
      return archive_.broken("it ends inside a file");
    }
    good = ::write(fd, bytes.data(), count) == static_cast<ssize_t>(count);
    left -= count;
  }
  good = good && ::fchmod(fd, (entry.mode & 0111) | 0600) == 0;
  ::close(fd);
  if (!good) return fail(Code::kIo, "cannot write " + place + ": " + std::strerror(errno), "is there space in TMPDIR?");
  if (!archive_.skip((kBlock - entry.size % kBlock) % kBlock)) return archive_.broken("it ends inside a file");
  return {};
}

Status Unpacker::add(const Entry& entry) {
  std::string place = place_of(entry.path);
  bool regular = entry.kind == '0' || entry.kind == '\0' || entry.kind == '7';
  uint64_t padded = entry.size + (kBlock - entry.size % kBlock) % kBlock;
  if (place.empty() || whiteout(place))
    return archive_.skip(padded) ? Status{} : Status(archive_.broken("it ends inside a file"));
  std::error_code error;
  if (entry.kind == '5') {
    if (!fs::is_directory(fs::symlink_status(place, error))) fs::remove(place, error);
    fs::create_directory(place, error);
    return {};
  }
  if (regular || entry.kind == '1' || entry.kind == '2') fs::remove_all(place, error);
  if (regular) return write_file(place, entry);
  if (entry.kind == '2') fs::create_symlink(entry.link, place, error);
  if (entry.kind == '1') {
    RealPath target = tree_.real_path("/" + entry.link);
    if (target.facts.is_file()) fs::copy_file(root_ + target.path, place, error);
  }
  return archive_.skip(entry.kind == '1' || entry.kind == '2' ? 0 : padded) ? Status{}
                                                                            : Status(archive_.broken("it is cut"));
}

Status Unpacker::run() {
  std::array<char, kBlock> header;
  Entry next;
  while (archive_.read(header.data(), kBlock)) {
    const char* raw = header.data();
    if (raw[0] == '\0') return {};  // the end is marked by empty blocks
    if (!has_good_checksum(raw)) return archive_.broken("a header has a wrong checksum");
    Entry entry;
    entry.kind = raw[156];
    entry.size = number_of(raw + 124, 12);
    if (entry.size > kMostBytes) return archive_.broken("a file is too large");
    if (entry.kind == 'L' || entry.kind == 'K' || entry.kind == 'x' || entry.kind == 'g') {
      std::string text;
      Status read = read_text(entry.size, text);
      if (!read) return read;
      if (entry.kind == 'L') next.path = text.c_str();
      if (entry.kind == 'K') next.link = text.c_str();
      if (entry.kind == 'x') read_pax(text, next);
      continue;
    }
    std::string prefix = std::memcmp(raw + 257, "ustar", 6) == 0 ? text_of(raw + 345, 155) : "";
    entry.path = !next.path.empty() ? next.path : (prefix.empty() ? "" : prefix + "/") + text_of(raw, 100);
    entry.link = !next.link.empty() ? next.link : text_of(raw + 157, 100);
    if (next.size != 0) entry.size = next.size;
    entry.mode = static_cast<mode_t>(number_of(raw + 100, 8));
    next = {};
    Status added = add(entry);
    if (!added) return added;
  }
  return archive_.broken("it has no end");
}

}  // namespace

Status unpack_tar(const std::string& path, const std::string& root, bool layer) {
  Archive archive(path);
  if (!archive.is_open()) return fail(Code::kIo, "cannot read " + path + ": " + std::strerror(errno), "check the path");
  return Unpacker(archive, root, layer).run();
}

}  // namespace libguard
