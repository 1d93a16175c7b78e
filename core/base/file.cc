// SPDX-License-Identifier: Apache-2.0
// Whole files by POSIX calls; SHA-256 by OpenSSL.
//
// Way:     see file.h.
// Thread:  any.
// Failure: see file.h.
#include "core/base/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace libguard {
namespace {

Error io_error(const std::string& doing, const std::string& path) {
  int error = errno;
  std::string hint = "check that the path exists and that you may use it";
  if (error == ENOSPC || error == EDQUOT) hint = "free space on that disk or name another place";
  if (error == EFBIG) hint = "raise the limit of file sizes (ulimit -f)";
  if (error == EACCES || error == EPERM || error == EROFS) hint = "name a place that you may write to";
  if (error == ENOENT) hint = "check the path for a typing error";
  Code code = error == ENOENT ? Code::kNotFound : error == EACCES || error == EPERM ? Code::kDenied : Code::kIo;
  return Error{code, "cannot " + doing + " " + path + ": " + std::strerror(error), hint};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// A device or a FIFO (-o /dev/null) stays what it is.
Status write_into(const std::string& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0 || !write_all(file.get(), bytes)) return tl::unexpected(io_error("write", path));
  return {};
}

// What is behind symbolic links; the name itself if nothing is there.
std::string real_name(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string name = resolved;
  ::free(resolved);
  return name;
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t limit) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(io_error("read", path));
  std::string bytes;
  struct stat facts {};
  if (::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) && static_cast<size_t>(facts.st_size) <= limit)
    bytes.reserve(static_cast<size_t>(facts.st_size));
  char block[65536];
  for (;;) {
    ssize_t n = ::read(file.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(io_error("read", path));
    if (n == 0) return bytes;
    bytes.append(block, static_cast<size_t>(n));
    if (bytes.size() > limit)
      return fail(Code::kLimit, path + " is larger than " + std::to_string(limit) + " bytes", "is it the right file?");
  }
}

Status write_file_atomically(const std::string& named, std::string_view bytes, Lasting lasting) {
  const std::string path = real_name(named);
  struct stat there;
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
    return write_into(path, bytes);
  std::string beside = path + ".XXXXXX";
  Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(io_error("write", path));
  mode_t mask = ::umask(0);
  ::umask(mask);
  bool written = write_all(file.get(), bytes) && ::fchmod(file.get(), 0644 & ~mask) == 0 &&
                 (lasting == Lasting::kForTheMoment || ::fsync(file.get()) == 0) &&
                 ::rename(beside.c_str(), path.c_str()) == 0;
  if (!written) {
    Error error = io_error("write", path);
    ::unlink(beside.c_str());
    return tl::unexpected(error);
  }
  return {};
}

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < length; i++) {
    text += kHex[digest[i] >> 4];
    text += kHex[digest[i] & 15];
  }
  return text;
}

}  // namespace libguard
