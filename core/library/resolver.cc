// SPDX-License-Identifier: Apache-2.0
// Names code files: real path -> code map -> distribution, application, runtime; else the Debian package.
//
// Way:     see resolver.h.
// Thread:  the supervisor's serving thread only.
// Failure: what cannot be named is kUnknown.
#include "core/library/resolver.h"

#include <algorithm>
#include <unordered_map>

#include "core/library/code_map.h"
#include "core/library/distributions.h"
#include "core/library/dpkg.h"
#include "core/library/purl.h"
#include "core/library/python_runtime.h"
#include "core/library/start_lines.h"
#include "core/library/tree.h"
#include "core/rights/vouching.h"

namespace libguard {

struct Resolver::Impl {
  Impl(ResolverOptions given, LibraryTable& given_table)
      : options(std::move(given)),
        table(given_table),
        tree(options.root),
        distributions(tree, options, map),
        dpkg(tree) {}

  // One file, looked at once.
  struct Look {
    RealPath real;
    std::string raw;               // as it was asked, if that may stand beside the real path; else empty
    bool old = false;              // file and links were there before the guard
    const Owner* owner = nullptr;  // null: nobody in the code map
    std::string path;              // the form of the path that found the owner, with what lies inside an archive
  };

  bool before_start(int64_t changed_ns) const { return options.trust_new_files || changed_ns < options.start_time_ns; }
  Look look(std::string_view path, FileIdentity opened = {});
  bool is_data(const Look& look) const;
  bool in_foreign_environment(std::string_view file, std::string_view below);
  LibraryId library_of(const Owner& owner);
  LibraryId package_of(std::string_view real_path);
  Resolved resolve(const Look& look);
  bool is_runtime_image(std::string_view real_path) const;

  ResolverOptions options;
  LibraryTable& table;
  Tree tree;
  CodeMap map;
  Distributions distributions;
  Dpkg dpkg;
  std::vector<std::string> programs;  // runtimes that are known already
  std::vector<std::string> code_directories;
  std::vector<std::string> images;
  std::unordered_map<std::string, bool> environments;  // directory -> holds a pyvenv.cfg
};

Resolver::Resolver(ResolverOptions options, LibraryTable& table) : impl_(new Impl(std::move(options), table)) {
  Impl& my = *impl_;
  if (my.options.application_dir.empty()) return;
  std::string directory = my.tree.real_path(my.options.application_dir).path;
  my.map.add(directory, {Place::kApplication, 0, my.map.add_import_root(directory)});
  my.code_directories.push_back(directory);
}

Resolver::~Resolver() = default;

void Resolver::begin() { impl_->dpkg.begin(); }

void Resolver::add_python(const PythonRuntime& runtime) {
  Impl& my = *impl_;
  std::string key = runtime.executable + '\n' + runtime.invoked_as;
  if (std::find(my.programs.begin(), my.programs.end(), key) != my.programs.end()) return;
  my.programs.push_back(key);
  PythonDirectories directories = python_directories(my.tree, my.options, runtime);
  auto protect = [&my](const std::string& directory) {
    auto& known = my.code_directories;
    if (std::find(known.begin(), known.end(), directory) == known.end()) known.push_back(directory);
  };
  for (const std::string& directory : directories.standard_library) {
    uint32_t root = my.map.add_import_root(directory);
    my.map.add(directory, {Place::kRuntime, 0, root});
    std::string dynload = directory + "/lib-dynload";
    my.map.add(dynload, {Place::kRuntime, 0, my.map.add_import_root(dynload)});
    protect(directory);
  }
  for (const std::string& directory : directories.site) {
    my.distributions.add_site(directory);
    protect(directory);
  }
  for (const std::string& directory : my.distributions.editable_directories()) protect(directory);
  my.images.insert(my.images.end(), directories.images.begin(), directories.images.end());
}

// The program may write there, so what is there may be anybody's, whenever it was written.
bool Resolver::Impl::is_data(const Look& look) const {
  if (look.owner == nullptr || look.owner->place != Place::kApplication) return false;
  return std::any_of(options.data_directories.begin(), options.data_directories.end(), [&](const std::string& data) {
    return is_below(look.real.path, data) || is_below(look.path, data);
  });
}

bool Resolver::Impl::in_foreign_environment(std::string_view file, std::string_view below) {
  for (std::string_view up = parent_of(file); up == below || is_below(up, below); up = parent_of(up)) {
    auto [entry, fresh] = environments.try_emplace(std::string(up), false);
    RealPath marker = fresh ? tree.real_path(std::string(up) + "/pyvenv.cfg") : RealPath();
    if (fresh) entry->second = marker.facts.is_file() && marker.inside.empty();  // not "app.pyz/pyvenv.cfg"
    if (entry->second) return true;
  }
  return false;
}

Resolver::Impl::Look Resolver::Impl::look(std::string_view path, FileIdentity opened) {
  Look look;
  look.real = tree.real_path(path);
  if (!look.real.facts.is_file()) return look;
  if (opened && opened != look.real.facts.identity) return look;  // a path that was swapped
  look.old = before_start(std::max(look.real.facts.changed_ns, look.real.newest_link_ns));
  std::string inside = look.real.inside.empty() ? std::string() : "/" + look.real.inside;
  look.path = look.real.path + inside;
  look.owner = map.find(look.path);
  auto unowned = [&look] {
    return look.owner == nullptr || look.owner->place == Place::kSite || look.owner->place == Place::kShared;
  };
  // A link that was there before the guard may bring a file into a known directory (Debian: sitecustomize.py).
  if (unowned() && look.real.newest_link_ns != 0 && path.find("/..") == std::string_view::npos) {
    look.path = normal_path(path);
    look.owner = map.find(look.path);
  }
  if (unowned() || is_data(look)) look.owner = nullptr;
  if (look.owner == nullptr) return look;
  const std::string& root = map.import_root(look.owner->import_root).directory;
  bool outside_site = look.owner->place == Place::kApplication;
  if (look.owner->place == Place::kDistribution) {
    const std::string& site = distributions.at(look.owner->distribution).site;
    // The console scripts of an environment are in the same one as the distribution that brought them.
    bool own_script = is_below(site, root) && parent_of(look.path) == root + "/bin";
    outside_site = !is_below(look.path, site) && !own_script;
  }
  if (outside_site && is_below(look.path, root) && in_foreign_environment(look.path, root)) look.owner = nullptr;
  return look;
}

LibraryId Resolver::Impl::library_of(const Owner& owner) {
  if (owner.place == Place::kRuntime) return LibraryId::kRuntime;
  if (owner.place == Place::kApplication) return LibraryId::kApplication;
  Distribution& distribution = distributions.at(owner.distribution);
  if (!distribution.named) {  // only libraries that are met take a number
    distribution.library = table.intern(distribution.purl, distribution.metadata);
    distribution.named = true;
  }
  return distribution.library;
}

LibraryId Resolver::Impl::package_of(std::string_view real_path) {
  auto purl = dpkg.owner_of(real_path);
  return purl ? table.intern(*purl, real_path) : LibraryId::kUnknown;
}

Resolved Resolver::Impl::resolve(const Look& look) {
  Resolved resolved;
  if (!look.old) return resolved;
  if (look.owner != nullptr) {
    resolved.library = library_of(*look.owner);
    resolved.module = module_name(look.path, map.import_root(look.owner->import_root));
  } else if (look.real.facts.is_file()) {
    resolved.library = package_of(look.real.path);
    if (resolved.library != LibraryId::kUnknown) resolved.module = module_stem(name_of(look.path));
  }
  resolved.trusted = resolved.library != LibraryId::kUnknown;
  if (resolved.library == LibraryId::kRuntime) resolved.vouching = vouching_of(resolved.module);
  return resolved;
}

Resolved Resolver::resolve_source(std::string_view path, FileIdentity opened) {
  return impl_->resolve(impl_->look(path, opened));
}

Resolved Resolver::resolve_extension(std::string_view path, FileIdentity opened) {
  return impl_->resolve(impl_->look(path, opened));
}

Resolved Resolver::resolve_bytecode(std::string_view path, FileIdentity opened) {
  Impl& my = *impl_;
  Impl::Look bytecode = my.look(path, opened);
  if (!bytecode.old) return {};
  constexpr std::string_view kCache = "/__pycache__";
  std::string_view directory = parent_of(path);
  std::string_view file = name_of(path);
  if (directory.ends_with(kCache)) {  // "pkg/__pycache__/mod.cpython-311.opt-1.pyc" beside "pkg/mod.py"
    size_t tag = file.rfind(".cpython-");
    if (tag == std::string_view::npos || !bytecode.real.inside.empty()) return {};
    std::string source(directory.substr(0, directory.size() - kCache.size()));
    return resolve_source(source + "/" + std::string(file.substr(0, tag)) + ".py");
  }
  // Sourceless: only where the installation lists this very file.
  if (!bytecode.real.inside.empty()) return my.resolve(bytecode);
  bool listed = bytecode.owner != nullptr && bytecode.owner->place == Place::kDistribution &&
                my.distributions.lists(bytecode.owner->distribution, bytecode.path);
  if (!listed && !my.dpkg.owner_of(bytecode.real.path)) return {};
  return my.resolve(bytecode);
}

Resolved Resolver::resolve_frozen(std::string_view module) {
  return {LibraryId::kRuntime, vouching_of(module), true, std::string(module)};
}

Resolved Resolver::resolve_command(std::string_view text) {
  if (!is_multiprocessing_start_line(text)) return {};
  return {LibraryId::kRuntime, vouching_of("multiprocessing.spawn"), true, "multiprocessing.spawn"};
}

bool Resolver::Impl::is_runtime_image(std::string_view real_path) const {
  return std::find(images.begin(), images.end(), real_path) != images.end();
}

Resolver::Native Resolver::resolve_native(std::string_view path) {
  Impl& my = *impl_;
  Impl::Look look = my.look(path);
  if (!look.old) return {};
  if (my.is_runtime_image(look.real.path)) return {LibraryId::kRuntime, true};
  if (look.owner != nullptr) return {my.library_of(*look.owner), look.owner->place == Place::kRuntime};
  const Owner* around = my.map.find(look.real.path);
  bool in_site = around != nullptr;  // unowned below a site directory: a Python extension, never transparent
  LibraryId package = my.package_of(look.real.path);
  if (package != LibraryId::kUnknown) return {package, !in_site};
  if (in_site) return {};
  std::string generic = Purl{"generic", "", std::string(name_of(look.real.path)), ""}.text();
  bool system = (look.real.path.starts_with("/usr/lib") || look.real.path.starts_with("/lib")) &&
                look.real.facts.owner == 0 && (look.real.facts.mode & 022) == 0;
  return {my.table.intern(generic, look.real.path), system};
}

LibraryId Resolver::resolve_executable(std::string_view path) {
  Impl& my = *impl_;
  Impl::Look look = my.look(path);
  if (!look.old) return LibraryId::kUnknown;
  if (look.owner != nullptr && look.owner->place == Place::kDistribution) return my.library_of(*look.owner);
  LibraryId package = my.package_of(look.real.path);
  if (package != LibraryId::kUnknown) return package;
  return my.table.intern(Purl{"generic", "", std::string(name_of(look.real.path)), ""}.text(), look.real.path);
}

std::vector<std::string> Resolver::code_directories() const { return impl_->code_directories; }

uint64_t Resolver::unreadable() const { return impl_->distributions.unreadable(); }

}  // namespace libguard
