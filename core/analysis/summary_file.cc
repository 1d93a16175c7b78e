// SPDX-License-Identifier: Apache-2.0
// A summary as bytes: magic, version, then every table with its length; a checksum at the end.
//
// Way:     summary <-> cache.
// Thread:  pure functions.
// Failure: bytes of another version, cut or changed bytes, indices that lead out of a table: no summary.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/analysis/summary.h"

namespace libguard {
namespace {

constexpr char kMagic[8] = {'l', 'g', 's', 'u', 'm', 'm', 'a', 'r'};

uint64_t checksum(std::string_view bytes) {  // FNV-1a over words: finds accidents, not attackers
  uint64_t sum = 0xcbf29ce484222325;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    sum = (sum ^ word) * 0x100000001b3;
    sum ^= sum >> 29;
  }
  for (; i < bytes.size(); i++) sum = (sum ^ static_cast<uint8_t>(bytes[i])) * 0x100000001b3;
  return sum;
}

class Writer {
 public:
  template <class T>
  void operator()(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
  void operator()(const std::vector<T>& rows) {
    (*this)(static_cast<uint64_t>(rows.size()));
    for (const T& row : rows) {
      if constexpr (!std::is_trivially_copyable_v<T>) (*this)(row);
    }
    if constexpr (std::is_trivially_copyable_v<T>)
      bytes.append(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(T));
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<uint64_t>(text.size()));
    bytes.append(text);
  }
  void operator()(const WrapperQuestion& question) {
    (*this)(question.symbol);
    (*this)(question.reg);
  }
  std::string bytes;
};

class Reader {
 public:
  explicit Reader(std::string_view from) : bytes(from) {}
  template <class T>
  void operator()(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    take(&value, sizeof value);
  }
  template <class T>
  void operator()(std::vector<T>& rows) {
    uint64_t count = 0;
    (*this)(count);
    if (count > bytes.size()) good = false;
    if (!good) return;
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (count > bytes.size() / sizeof(T)) {
        good = false;
        return;
      }
      rows.resize(count);
      take(rows.data(), count * sizeof(T));
    } else {
      rows.resize(count);
      for (T& row : rows) (*this)(row);
    }
  }
  void operator()(std::string& text) {
    uint64_t size = 0;
    (*this)(size);
    if (size > bytes.size()) good = false;
    if (!good) return;
    text.assign(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  void operator()(WrapperQuestion& question) {
    (*this)(question.symbol);
    (*this)(question.reg);
  }
  std::string_view bytes;
  bool good = true;

 private:
  void take(void* into, size_t size) {
    if (size > bytes.size()) good = false;
    if (!good || size == 0) return;
    std::memcpy(into, bytes.data(), size);
    bytes.remove_prefix(size);
  }
};

// One list of the tables for both directions.
template <class Summary_, class Each>
void for_each_table(Summary_& s, Each& each) {
  each(s.soname), each(s.interpreter), each(s.rpath), each(s.runpath), each(s.needed), each(s.questions);
  each(s.position_independent), each(s.dynamic), each(s.go), each(s.has_versions), each(s.frames_broken);
  each(s.entry), each(s.lowest), each(s.code_bytes), each(s.undecodable);
  each(s.symbols), each(s.functions), each(s.edges), each(s.code_references), each(s.data_references), each(s.calls);
  each(s.unresolved), each(s.indirect_sites), each(s.pointers), each(s.bounds), each(s.start), each(s.finish);
  each(s.personalities), each(s.resolvers), each(s.copies), each(s.names), each(s.text);
}

// What the link step indexes without looking.
bool is_sound(const Summary& s) {
  if (s.functions.empty() || s.text.empty() || s.text.back() != '\0') return false;
  size_t functions = s.function_count(), symbols = s.symbols.size();
  auto good = [&](uint32_t reference) {
    uint32_t index = reference & kIndexMask;
    return reference & kSymbolBit ? index < symbols : index < functions;
  };
  auto all_good = [&](const std::vector<uint32_t>& list) { return std::all_of(list.begin(), list.end(), good); };
  for (size_t i = 0; i < functions; i++) {
    const SummaryFunction &a = s.functions[i], &b = s.functions[i + 1];
    bool ascending = a.edges <= b.edges && a.code_references <= b.code_references && a.calls <= b.calls &&
                     a.data_references <= b.data_references && a.unresolved <= b.unresolved &&
                     a.indirect_sites <= b.indirect_sites;
    if (!ascending) return false;
  }
  const SummaryFunction& end = s.functions.back();
  if (end.edges != s.edges.size() || end.code_references != s.code_references.size() || end.calls != s.calls.size() ||
      end.data_references != s.data_references.size() || end.unresolved != s.unresolved.size() ||
      end.indirect_sites != s.indirect_sites.size())
    return false;
  auto symbol_good = [&](const auto& row) { return row.symbol == 0 || row.symbol < symbols; };
  return std::all_of(s.edges.begin(), s.edges.end(),
                     [&](const SummaryEdge& e) { return good(e.target & ~kTailBit); }) &&
         all_good(s.code_references) && all_good(s.start) && all_good(s.finish) && all_good(s.personalities) &&
         all_good(s.resolvers) && std::all_of(s.calls.begin(), s.calls.end(), [](uint16_t c) { return c < 512; }) &&
         std::all_of(s.data_references.begin(), s.data_references.end(), symbol_good) &&
         std::all_of(s.pointers.begin(), s.pointers.end(),
                     [&](const SummaryPointer& p) {
                       return symbol_good(p) && (p.function == kNoIndex || p.function < functions);
                     }) &&
         std::all_of(s.copies.begin(), s.copies.end(), symbol_good);
}

}  // namespace

std::string Summary::serialise() const {
  Writer writer;
  writer.bytes.append(kMagic, sizeof kMagic);
  writer(kVersion);
  for_each_table(*this, writer);
  writer(checksum(writer.bytes));
  return std::move(writer.bytes);
}

std::optional<Summary> Summary::parse(std::string_view bytes) {
  uint64_t sum = 0;
  if (bytes.size() < sizeof kMagic + sizeof kVersion + sizeof sum) return std::nullopt;
  std::string_view body = bytes.substr(0, bytes.size() - sizeof sum);
  std::memcpy(&sum, bytes.data() + body.size(), sizeof sum);
  if (std::memcmp(body.data(), kMagic, sizeof kMagic) != 0 || sum != checksum(body)) return std::nullopt;
  Reader reader(body.substr(sizeof kMagic));
  uint32_t version = 0;
  reader(version);
  if (version != kVersion) return std::nullopt;
  Summary summary;
  for_each_table(summary, reader);
  if (!reader.good || !reader.bytes.empty() || !is_sound(summary)) return std::nullopt;
  return summary;
}

}  // namespace libguard
