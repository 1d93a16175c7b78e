// SPDX-License-Identifier: Apache-2.0
// Reads the metadata of a site directory and fills the code map.
//
// Way:     see distributions.h.
// Thread:  the supervisor's serving thread only.
// Failure: broken metadata owns nothing and is counted.
#include "core/library/distributions.h"

#include <algorithm>

#include "core/library/purl.h"

namespace libguard {
namespace {

constexpr size_t kMetadataHead = 8192;
constexpr size_t kRecordLimit = size_t{64} << 20;
constexpr std::string_view kDistInfo = ".dist-info", kEggInfo = ".egg-info", kEgg = ".egg", kEggLink = ".egg-link";

std::string_view header_field(std::string_view text, std::string_view field) {
  while (!text.empty() && text[0] != '\n' && text[0] != '\r') {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(field)) continue;
    line.remove_prefix(field.size());
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    return line;
  }
  return {};
}

bool is_plain(std::string_view text, std::string_view also) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [also](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || also.find(c) != std::string_view::npos;
  });
}

std::string_view without(std::string_view text, std::string_view suffix) {
  return text.substr(0, text.size() - suffix.size());
}

// First component of a path in RECORD; empty for what is no code of a site directory.
std::string_view top_of(std::string_view path) {
  std::string_view top = path.substr(0, path.find('/'));
  if (top == ".." || top == "." || top == "__pycache__" || top.ends_with(kDistInfo) || top.ends_with(kEggInfo))
    return {};
  return path.starts_with('/') ? std::string_view{} : top;
}

}  // namespace

bool RecordReader::next(std::string_view& path) {
  while (!rest_.empty()) {
    size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line.starts_with('"')) {
      quoted_.clear();
      for (size_t i = 1; i < line.size(); i++) {
        if (line[i] == '"' && ++i < line.size() && line[i] != '"') break;
        if (i < line.size()) quoted_ += line[i];
      }
      path = quoted_;
    } else {
      path = line.substr(0, line.find(','));
      if (path.ends_with('\r')) path.remove_suffix(1);
    }
    if (!path.empty()) return true;
  }
  return false;
}

Distributions::Distributions(const Tree& tree, const ResolverOptions& options, CodeMap& map)
    : tree_(tree), options_(options), map_(map) {}

bool Distributions::trusted(const RealPath& file) const {
  return options_.trust_new_files || std::max(file.facts.changed_ns, file.newest_link_ns) < options_.start_time_ns;
}

uint32_t Distributions::add(const Site& site, const RealPath& metadata, std::string_view header,
                            std::string_view stem) {
  Distribution made;
  size_t dash = stem.rfind('-');
  made.name = header_field(header, "Name:");
  made.version = header_field(header, "Version:");
  if (!is_plain(made.name, "")) made.name = stem.substr(0, dash);
  if (!is_plain(made.version, "+!")) made.version = dash == std::string_view::npos ? "" : stem.substr(dash + 1);
  made.purl = make_pypi_purl(made.name, made.version).text();
  made.site = site.directory;
  made.metadata = metadata.path;
  made.installed_ns = metadata.facts.changed_ns;
  distributions_.push_back(std::move(made));
  return static_cast<uint32_t>(distributions_.size() - 1);
}

void Distributions::own(std::string_view path, uint32_t index, uint32_t import_root) {
  map_.add(path, {Place::kDistribution, index, import_root});
}

void Distributions::add_site(const std::string& directory) {
  if (const Owner* known = map_.at(directory); known != nullptr && known->place == Place::kSite) return;
  Site site;
  site.directory = directory;
  site.import_root = map_.add_import_root(directory);
  map_.add(directory, {Place::kSite, 0, site.import_root});
  std::vector<std::string> names = tree_.list(directory);
  for (const std::string& name : names)
    if (name.ends_with(kDistInfo)) read_dist_info(site, name);
  size_t with_record = distributions_.size();
  for (const std::string& name : names) {
    if (name.ends_with(kEggInfo)) read_egg_info(site, name);
    if (name.ends_with(kEgg)) add_egg(site, name);
    if (name.ends_with(kEggLink)) read_egg_link(site, name);
  }
  for (const auto& [top, claims] : site.claims) {
    if (claims.size() == 1) {
      own(directory + "/" + top, claims[0].distribution, site.import_root);
    } else {
      split_shared(site, top, claims);
    }
  }
  for (uint32_t i = 0; i < with_record; i++)
    if (distributions_[i].site == directory) read_editable(site, i);
}

void Distributions::read_dist_info(Site& site, const std::string& name) {
  std::string directory = site.directory + "/" + name;
  RealPath record = tree_.real_path(directory + "/RECORD");
  auto header = tree_.read_head(directory + "/METADATA", kMetadataHead);
  RealPath metadata = record.facts.is_file() ? record : tree_.real_path(directory);
  if (!trusted(metadata)) return;
  std::string_view stem = without(name, kDistInfo);
  if (!header && !record.facts.is_file()) {
    unreadable_++;
    return;
  }
  metadata.path = directory;
  uint32_t index = add(site, metadata, header ? *header : std::string(), stem);
  auto text = record.facts.is_file() ? tree_.read(record.path, kRecordLimit) : std::nullopt;
  if (text) {
    distributions_[index].has_record = true;
    site.records.emplace(index, std::move(*text));
    claim_record(site, index);
    return;
  }
  if (record.facts.is_file()) unreadable_++;
  auto tops = tree_.read_head(directory + "/top_level.txt", kMetadataHead);
  RecordReader lines(tops ? *tops : std::string_view{});
  for (std::string_view top; lines.next(top);)
    for (const char* suffix : {"", ".py"})
      if (tree_.facts(site.directory + "/" + std::string(top) + suffix).kind != FileFacts::Kind::kMissing)
        site.claims[std::string(top) + suffix].push_back({index, false});
}

void Distributions::claim_record(Site& site, uint32_t index) {
  RecordReader lines(site.records[index]);
  // Console scripts: PREFIX/bin beside PREFIX/lib/python3.X/site-packages.
  std::string scripts = normal_path(site.directory + "/../../../bin");
  uint32_t scripts_root = map_.add_import_root(std::string(parent_of(scripts)));
  std::string last;
  for (std::string_view path; lines.next(path);) {
    std::string_view top = top_of(path);
    if (top.empty()) {
      if (!path.starts_with("../")) continue;
      std::string script = normal_path(site.directory + "/" + std::string(path));
      if (parent_of(script) == scripts) own(script, index, scripts_root);
      continue;
    }
    if (top == last) continue;  // RECORD is sorted, nearly always
    last = top;
    std::vector<Claim>& claims = site.claims[last];
    if (std::none_of(claims.begin(), claims.end(), [index](const Claim& c) { return c.distribution == index; }))
      claims.push_back({index, true});
  }
}

void Distributions::split_shared(const Site& site, const std::string& top, const std::vector<Claim>& claims) {
  std::unordered_map<std::string, Claim> files;  // file -> the distribution that was installed last
  std::unordered_map<std::string, std::vector<uint32_t>> directories;
  bool unrecorded = false;
  for (const Claim& claim : claims) {
    unrecorded |= !claim.by_record;
    if (!claim.by_record) continue;
    RecordReader lines(site.records.at(claim.distribution));
    for (std::string_view path; lines.next(path);) {
      if (top_of(path) != top) continue;
      std::string file = normal_path(site.directory + "/" + std::string(path));
      if (!is_below(file, site.directory)) continue;
      auto [entry, fresh] = files.try_emplace(file, claim);
      if (!fresh &&
          distributions_[entry->second.distribution].installed_ns <= distributions_[claim.distribution].installed_ns)
        entry->second = claim;
      if (path.find("__pycache__/") != std::string_view::npos) continue;
      for (std::string_view up = parent_of(file); is_below(up, site.directory); up = parent_of(up)) {
        std::vector<uint32_t>& owners = directories[std::string(up)];
        if (std::find(owners.begin(), owners.end(), claim.distribution) == owners.end())
          owners.push_back(claim.distribution);
      }
    }
  }
  for (const auto& [file, claim] : files) own(file, claim.distribution, site.import_root);
  for (const auto& [directory, owners] : directories)
    if (owners.size() == 1) own(directory, owners[0], site.import_root);
  std::string shared = site.directory + "/" + top;
  for (const auto& [directory, owners] : directories)
    if (owners.size() > 1) map_.add(directory, {Place::kShared, 0, site.import_root});
  // Somebody without a file list owns a part of it as well: what no RECORD names stays without owner.
  if (unrecorded && tree_.facts(shared).is_directory()) map_.add(shared, {Place::kShared, 0, site.import_root});
}

void Distributions::read_egg_info(Site& site, const std::string& name) {
  RealPath metadata = tree_.real_path(site.directory + "/" + name);
  bool directory = metadata.facts.is_directory();
  auto header = tree_.read_head(directory ? metadata.path + "/PKG-INFO" : metadata.path, kMetadataHead);
  if (!trusted(metadata)) return;
  if (!header) {
    unreadable_++;
    return;
  }
  std::string_view stem = without(name, kEggInfo);
  if (size_t python = stem.rfind("-py3"); python != std::string_view::npos) stem = stem.substr(0, python);
  uint32_t index = add(site, metadata, *header, stem);
  std::string normal = normalise_pypi_name(distributions_[index].name);
  for (uint32_t i = 0; i < index; i++) {  // a dist-info of the same name says more
    if (distributions_[i].site != site.directory || normalise_pypi_name(distributions_[i].name) != normal) continue;
    distributions_.pop_back();
    return;
  }
  auto tops = directory ? tree_.read_head(metadata.path + "/top_level.txt", kMetadataHead) : std::nullopt;
  std::string guess = normal;
  std::replace(guess.begin(), guess.end(), '-', '_');
  RecordReader lines(tops ? std::string_view(*tops) : std::string_view(guess));
  for (std::string_view top; lines.next(top);) {
    if (!is_plain(top, "")) continue;
    std::string path = site.directory + "/" + std::string(top);
    if (tree_.facts(path).is_directory()) site.claims[std::string(top)].push_back({index, false});
    if (tree_.facts(path + ".py").is_file()) site.claims[std::string(top) + ".py"].push_back({index, false});
  }
}

// "NAME-VERSION-py3.9.egg": a directory or a zip archive that is an import root of its own.
void Distributions::add_egg(const Site& site, const std::string& name) {
  RealPath egg = tree_.real_path(site.directory + "/" + name);
  if (egg.facts.kind == FileFacts::Kind::kMissing || !trusted(egg)) return;
  std::string_view stem = without(name, kEgg);
  if (size_t python = stem.rfind("-py"); python != std::string_view::npos) stem = stem.substr(0, python);
  auto header = tree_.read_head(egg.path + "/EGG-INFO/PKG-INFO", kMetadataHead);
  uint32_t index = add(site, egg, header ? *header : std::string(), stem);
  own(egg.path, index, map_.add_import_root(egg.path));
}

bool Distributions::lists(uint32_t index, std::string_view path) const {
  const Distribution& distribution = distributions_[index];
  if (!distribution.has_record || !is_below(path, distribution.site)) return false;
  auto text = tree_.read(distribution.metadata + "/RECORD", kRecordLimit);
  if (!text) return false;
  std::string_view relative = path.substr(distribution.site.size() + 1);
  RecordReader lines(*text);
  for (std::string_view listed; lines.next(listed);)
    if (listed == relative) return true;
  return false;
}

}  // namespace libguard
