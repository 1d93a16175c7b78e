// SPDX-License-Identifier: Apache-2.0
// Reads a code file once, asks whose it is, keeps its bytes, and hands Python a file object over just these bytes.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  with the GIL; the file is read without giving it up (code files are small).
// Failure: see open_code.h.
#include "frontends/cpython/open_code.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontends/cpython/archive.h"
#include "frontends/cpython/attach.h"
#include "frontends/cpython/contents.h"
#include "frontends/cpython/interpreters.h"
#include "frontends/cpython/startup_lines.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

bool ends_with(const char* text, size_t length, const char* end) {
  size_t size = strlen(end);
  return length >= size && memcmp(text + length - size, end, size) == 0;
}

// "mod.cpython-311.pyc" and "mod.cpython-311.opt-1.pyc" stand for a source; "mod.pyc" is all that there is.
bool is_cache_of_a_source(const char* path, size_t length) {
  const char* name = static_cast<const char*>(memrchr(path, '/', length));
  size_t size = name ? length - static_cast<size_t>(name + 1 - path) : length;
  const char* tag = static_cast<const char*>(memmem(name ? name + 1 : path, size, ".cpython-", 9));
  return tag != nullptr;
}

// All of the file; null with errno.
char* read_all(int fd, size_t* length) {
  struct stat status;
  if (fstat(fd, &status) != 0) return nullptr;
  if (S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return nullptr;
  }
  size_t room = static_cast<size_t>(status.st_size) + 1, used = 0;
  char* bytes = static_cast<char*>(malloc(room));
  while (bytes) {
    ssize_t got = read(fd, bytes + used, room - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      free(bytes);
      return nullptr;
    }
    used += static_cast<size_t>(got);
    if (got == 0) break;
    if (used < room) continue;
    room *= 2;
    char* more = static_cast<char*>(realloc(bytes, room));
    if (!more) free(bytes);
    bytes = more;
  }
  *length = used;
  return bytes;
}

// The file's bytes, and whose they are. Null with errno.
char* read_file(const char* path, size_t path_length, bool bytecode, size_t* length, uint64_t* answer) {
  int fd;
  do fd = open(path, O_RDONLY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return nullptr;
  char* bytes = read_all(fd, length);
  int error = errno;
  // Asked after the reading: a file that was changed before or meanwhile is too young to be trusted. And asked about
  // the file that was read: by now the path may lead to another one.
  if (bytes) *answer = lg_ask_resolve(bytecode ? LG_RESOLVE_BYTECODE : LG_RESOLVE_SOURCE, path, path_length, fd);
  close(fd);
  errno = error;
  return bytes;
}

Object* file_over(Interpreter* interpreter, const char* bytes, size_t length) {
  Owned content(py.PyBytes_FromStringAndSize(bytes, static_cast<ssize_t>(length)));
  if (!content) return nullptr;
  return py.PyObject_CallFunctionObjArgs(interpreter->bytes_io, content.get(), nullptr);
}

Object* real_file(Interpreter* interpreter, Object* path) {
  Owned mode(py.Py_BuildValue("s", "rb"));
  if (!mode) return nullptr;
  return py.PyObject_CallFunctionObjArgs(interpreter->open_file, path, mode.get(), nullptr);
}

Object* open_known(Interpreter* interpreter, Object* path_object, const char* path, size_t path_length) {
  bool bytecode = ends_with(path, path_length, ".pyc");
  // The loader reads an archive in pieces; what it takes out is compared later.
  if (!bytecode && !ends_with(path, path_length, ".py") && is_archive(path)) {
    put_on_shield();
    note_archive(path);
    return real_file(interpreter, path_object);
  }
  size_t length = 0;
  uint64_t answer = 0;
  char* bytes = read_file(path, path_length, bytecode, &length, &answer);
  if (!bytes) return py.PyErr_SetFromErrnoWithFilenameObject(*py.os_error, path_object);
  if (LG_RESOLVED_LIBRARY(answer) != LG_RUNTIME) put_on_shield();
  // Bytecode that nobody vouches for: the loader finds it empty and takes the source beside it.
  bool refused = bytecode && !LG_RESOLVED_TRUSTED(answer) && is_cache_of_a_source(path, path_length);
  Object* file = file_over(interpreter, bytes, refused ? 0 : length);
  if (!file || refused) {
    free(bytes);
    return file;
  }
  if (ends_with(path, path_length, ".pth")) {
    keep_lines(bytes, length, answer);
    return file;
  }
  if (bytecode) {  // marshal.loads gets what lies behind the header
    length = length < kBytecodeHeader ? 0 : length - kBytecodeHeader;
    if (length) memmove(bytes, bytes + kBytecodeHeader, length);
  }
  keep_content(bytes, length, answer);
  return file;
}

}  // namespace

Object* open_code(Object* path, void*) {
  Interpreter* interpreter = attach_now();
  Owned encoded(py.PyUnicode_EncodeFSDefault(path));
  if (!encoded) return nullptr;
  if (!interpreter || !interpreter->bytes_io || !interpreter->open_file) {
    py.PyErr_SetString(*py.permission_error, "libguard: this interpreter cannot load code");
    return nullptr;
  }
  return open_known(interpreter, path, py.PyBytes_AsString(encoded.get()),
                    static_cast<size_t>(py.PyBytes_Size(encoded.get())));
}

}  // namespace libguard
