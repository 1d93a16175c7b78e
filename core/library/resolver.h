// SPDX-License-Identifier: Apache-2.0
// Names code: which library does this file belong to, and may the file stand for it?
//
// Way:     a frontend meets a file -> *resolve* -> the library number that its frames carry.
// Thread:  the supervisor's serving thread only; reads files and directories, caches what it read.
// Failure: what cannot be named is kUnknown, never an error; broken metadata is counted in unreadable().
//
// A code file counts for a library only if it lies in a trusted root and its ctime is before the guard's start
// (unprivileged code cannot set a ctime). Recording trusts files made during the run too (trust_new_files).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/library/library.h"
#include "core/library/tree.h"

namespace libguard {

struct ResolverOptions {
  std::string root = "/";                     // all paths are looked up below it (tests use a fixture tree)
  std::string application_dir;                // from choose_application_dir; empty: no application files
  std::vector<std::string> data_directories;  // real paths below application_dir: nothing there is the application's
  std::string home;                           // of the user, for ~/.local; empty: none
  int64_t start_time_ns = 0;                  // CLOCK_REALTIME; only files with an earlier ctime are trusted
  bool trust_new_files = false;               // recording
};

// What a CPython program is, found by the supervisor from its executable; nothing is taken from the program's word.
struct PythonRuntime {
  std::string executable;  // real path of the interpreter, "/usr/bin/python3.11"
  std::string invoked_as;  // path it was started by (a venv's bin/python), may equal executable
  int major = 3, minor = 0;
  std::string image{};  // path of the file that holds it, where that may be another: libpython3.11.so.1.0
};

struct Resolved {
  LibraryId library = LibraryId::kUnknown;
  uint16_t vouching = 0;  // bits as in lg_code_entry, only for runtime modules
  bool trusted = false;   // the file's bytes may stand for the library
  std::string module;     // dotted: "deploytool.ship", "subprocess", "app"; empty if it has none
};

class Resolver {
 public:
  Resolver(ResolverOptions options, LibraryTable& table);
  ~Resolver();
  // Begins to read what the first questions need, on a thread of its own.
  void begin();
  // Makes stdlib and site directories of this interpreter (and of its venv, if pyvenv.cfg is older than the guard)
  // known. Idempotent; cheap when known.
  void add_python(const PythonRuntime& runtime);
  // `opened`: the file that was read. Unless `path` leads to it nothing is known. None: whatever is there now.
  Resolved resolve_source(std::string_view path, FileIdentity opened = {});
  // .pyc: default place beside a source of the library, or listed
  Resolved resolve_bytecode(std::string_view path, FileIdentity opened = {});
  // .so of a distribution or of the runtime
  Resolved resolve_extension(std::string_view path, FileIdentity opened = {});
  Resolved resolve_frozen(std::string_view module);  // runtime always
  Resolved resolve_command(std::string_view text);   // -c: runtime if a start line of multiprocessing, else unknown
  // Owner of a native mapping or executable: pypi distribution, deb package, generic. `transparent` for the runtime's
  // own image and for libraries of the distribution (libc, libssl, …), which speak for whoever called them.
  struct Native {
    LibraryId library = LibraryId::kUnknown;
    bool transparent = false;
  };
  Native resolve_native(std::string_view path);
  LibraryId resolve_executable(std::string_view path);  // pkg:deb/debian/git, pkg:generic/NAME
  // Directories that hold code of libraries, for write protection: stdlib, site directories, application.
  std::vector<std::string> code_directories() const;
  uint64_t unreadable() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace libguard
