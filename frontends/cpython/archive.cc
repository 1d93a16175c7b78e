// SPDX-License-Identifier: Apache-2.0
// Reads the directory of a zip archive, inflates the members of the right size and compares them.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  with the GIL.
// Failure: see archive.h; every offset is checked against the file.
#include "frontends/cpython/archive.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontends/cpython/contents.h"
#include "frontends/cpython/inflate.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

constexpr int kArchives = 64;  // more in one process: their code is unknown
constexpr uint64_t kLargestMember = 64u << 20;
constexpr size_t kEndSize = 22, kEntrySize = 46, kLocalSize = 30, kLongestComment = 65535;

const char* g_archives[kArchives];  // only ever added to

struct Bytes {
  const uint8_t* start = nullptr;
  size_t size = 0;
  bool has(size_t at, size_t count) const { return at <= size && count <= size - at; }
  uint32_t u16(size_t at) const { return start[at] | static_cast<uint32_t>(start[at + 1]) << 8; }
  uint32_t u32(size_t at) const { return u16(at) | u16(at + 2) << 16; }
};

struct Member {
  uint32_t method, compressed, size, header;
  const char* name;
  uint32_t name_length;
};

// A file, mapped for the time of one question.
class Mapped {
 public:
  explicit Mapped(const char* path) {
    file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0) return;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
      size_t size = static_cast<size_t>(status.st_size);
      void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
      if (memory != MAP_FAILED) bytes = {static_cast<const uint8_t*>(memory), size};
    }
  }
  ~Mapped() {
    if (file >= 0) close(file);
    if (bytes.start) munmap(const_cast<uint8_t*>(bytes.start), bytes.size);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  Bytes bytes;
  int file = -1;
};

// Offset of the end record, which is last but for a comment; size of the file if there is none.
size_t find_end(const Bytes& file) {
  if (file.size < kEndSize) return file.size;
  for (size_t back = 0; back <= kLongestComment && back <= file.size - kEndSize; back++) {
    size_t at = file.size - kEndSize - back;
    if (memcmp(file.start + at, "PK\5\6", 4) == 0) return at;
  }
  return file.size;
}

bool same(const Bytes& file, size_t shift, const Member& member, const char* bytes, size_t length) {
  size_t header = member.header + shift;
  if (!file.has(header, kLocalSize) || memcmp(file.start + header, "PK\3\4", 4) != 0) return false;
  size_t data = header + kLocalSize + file.u16(header + 26) + file.u16(header + 28);
  if (!file.has(data, member.compressed)) return false;
  size_t skipped = member.size - length;
  if (member.method == 0)
    return member.compressed == member.size && memcmp(file.start + data + skipped, bytes, length) == 0;
  if (member.method != 8) return false;
  char* inflated = static_cast<char*>(malloc(member.size ? member.size : 1));
  bool equal = inflated && inflate_raw(file.start + data, member.compressed, inflated, member.size) &&
               memcmp(inflated + skipped, bytes, length) == 0;
  free(inflated);
  return equal;
}

// A source has just the bytes, a .pyc a header before them.
bool may_be(const Member& member, size_t length) {
  bool bytecode = member.name_length > 4 && memcmp(member.name + member.name_length - 4, ".pyc", 4) == 0;
  return member.size <= kLargestMember && member.size == length + (bytecode ? kBytecodeHeader : 0);
}

uint64_t ask(const char* archive, const Member& member, int file) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/%.*s", archive, static_cast<int>(member.name_length), member.name);
  if (length <= 0 || length >= static_cast<int>(sizeof path)) return 0;
  bool bytecode = path[length - 1] == 'c';
  return lg_ask_resolve(bytecode ? LG_RESOLVE_BYTECODE : LG_RESOLVE_SOURCE, path, static_cast<uint64_t>(length), file);
}

bool search(const char* archive, const char* bytes, size_t length, uint64_t* answer) {
  Mapped mapped(archive);
  const Bytes& file = mapped.bytes;
  size_t end = file.start ? find_end(file) : 0;
  if (end == file.size) return false;
  size_t directory_size = file.u32(end + 12), directory = file.u32(end + 16);
  if (directory_size > end || directory > end - directory_size) return false;
  size_t shift = end - directory_size - directory;  // what stands before the archive: "#!/usr/bin/env python3"
  size_t at = directory + shift;
  while (file.has(at, kEntrySize) && at < end && memcmp(file.start + at, "PK\1\2", 4) == 0) {
    Member member = {file.u16(at + 10),
                     file.u32(at + 20),
                     file.u32(at + 24),
                     file.u32(at + 42),
                     reinterpret_cast<const char*>(file.start + at + kEntrySize),
                     file.u16(at + 28)};
    if (!file.has(at + kEntrySize, member.name_length)) return false;
    if (may_be(member, length) && same(file, shift, member, bytes, length)) {
      *answer = ask(archive, member, mapped.file);
      return true;
    }
    at += kEntrySize + member.name_length + file.u16(at + 30) + file.u16(at + 32);
  }
  return false;
}

}  // namespace

void note_archive(const char* path) {
  lg_lock();
  int place = 0;
  while (place < kArchives && g_archives[place] && strcmp(g_archives[place], path) != 0) place++;
  if (place < kArchives && !g_archives[place]) __atomic_store_n(&g_archives[place], strdup(path), __ATOMIC_RELEASE);
  lg_unlock();
}

bool find_in_archives(const char* bytes, size_t length, uint64_t* answer) {
  for (const char* archive : g_archives)
    if (archive && search(archive, bytes, length, answer)) return true;
  return false;
}

bool is_archive(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char start[4] = {}, line[2] = {};
  bool known = pread(fd, start, 4, 0) == 4 && (memcmp(start, "PK\3\4", 4) == 0 || memcmp(start, "PK\5\6", 4) == 0);
  bool script = pread(fd, line, 2, 0) == 2 && memcmp(line, "#!", 2) == 0;
  close(fd);
  if (known || !script) return known;
  Mapped mapped(path);  // an archive behind a first line for the shell
  return mapped.bytes.start && find_end(mapped.bytes) != mapped.bytes.size;
}

}  // namespace libguard
