// SPDX-License-Identifier: Apache-2.0
// Looks codes up in the table that the client keeps in the guarded process' memory.
//
// Way:     events -> *stack*.
// Thread:  the serving thread only.
// Failure: what cannot be found or read counts as unknown.
#include "core/backend/walk/code_table.h"

#include <algorithm>

namespace libguard {
namespace {

bool by_code(const lg_code_entry& a, const lg_code_entry& b) { return a.code < b.code; }
bool same_code(const lg_code_entry& a, const lg_code_entry& b) { return a.code == b.code; }

}  // namespace

CodeTable::CodeTable(ProcessMemory& memory, uint64_t table, const lg_python_program& program)
    : memory_(memory), table_(table), program_(program), cache_(kSets) {}

CodeTable::~CodeTable() = default;

void CodeTable::at_epoch(uint64_t epoch) {
  if (epoch == epoch_) return;
  epoch_ = epoch;
  counts_.flushes++;
  std::fill(cache_.begin(), cache_.end(), Set{});
}

const lg_code_entry* CodeTable::cached(uint64_t code) {
  for (const lg_code_entry& entry : set_of(code).way)
    if (entry.code == code) return &entry;
  return nullptr;
}

uint32_t CodeTable::name(std::vector<lg_code_entry>& frames) {
  missing_.clear();
  uint32_t flags = 0;
  uint64_t last_missing = 0;  // recursion: runs of one code
  for (lg_code_entry& frame : frames) {
    if (const lg_code_entry* known = cached(frame.code)) {
      frame = *known;
      counts_.cached++;
      if (frame.library == LG_UNKNOWN) flags |= note_unknown();
    } else {
      if (frame.code != last_missing) missing_.push_back(lg_code_untold(&program_, frame.code));
      last_missing = frame.code;
    }
  }
  if (missing_.empty()) return flags;

  std::sort(missing_.begin(), missing_.end(), by_code);
  missing_.erase(std::unique(missing_.begin(), missing_.end(), same_code), missing_.end());
  if (!read_missing()) flags |= LG_STACK_FAULT;
  for (lg_code_entry& frame : frames) {
    const auto found = std::lower_bound(missing_.begin(), missing_.end(), frame, by_code);
    if (found == missing_.end() || found->code != frame.code) continue;
    frame = *found;
    if (frame.library == LG_UNKNOWN) flags |= note_unknown();
  }
  return flags;
}

uint32_t CodeTable::note_unknown() {
  counts_.unknown++;
  return LG_STACK_UNKNOWN;
}

bool CodeTable::read_missing() {
  bool complete = true;
  for (size_t begin = 0; begin < missing_.size(); begin += ProcessMemory::kMaxPieces) {
    const size_t count = std::min(missing_.size() - begin, ProcessMemory::kMaxPieces);
    buckets_.resize(count);
    to_.resize(count);
    from_.resize(count);
    for (size_t i = 0; i < count; i++) {
      const uint64_t bucket = table_ + sizeof(lg_code_bucket) * lg_code_bucket_of(missing_[begin + i].code);
      to_[i] = {&buckets_[i], sizeof(lg_code_bucket)};
      from_[i] = {reinterpret_cast<void*>(bucket), sizeof(lg_code_bucket)};
    }
    counts_.read += count;
    const size_t read = memory_.read_batch(to_.data(), from_.data(), count) / sizeof(lg_code_bucket);
    if (read < count) complete = false;
    for (size_t i = 0; i < read; i++) {
      lg_code_entry& entry = missing_[begin + i];
      lg_code_entry found{};
      const int answer = lg_bucket_find(&buckets_[i], entry.code, &found);
      if (answer == LG_FOUND) take(entry, found);
      if (answer == LG_ELSEWHERE && !read_further(entry)) complete = false;
    }
  }
  return complete;
}

// The first bucket is full: rare while the table is at most half full.
bool CodeTable::read_further(lg_code_entry& entry) {
  for (uint32_t probe = 1; probe < LG_TABLE_PROBES; probe++) {
    lg_code_bucket bucket;
    const uint32_t index = (lg_code_bucket_of(entry.code) + probe) & (LG_TABLE_BUCKETS - 1);
    if (!memory_.read(table_ + sizeof(bucket) * index, &bucket)) return false;
    lg_code_entry found{};
    const int answer = lg_bucket_find(&bucket, entry.code, &found);
    if (answer == LG_FOUND) take(entry, found);
    if (answer != LG_ELSEWHERE) return true;
  }
  return true;
}

// Only what was found is cached: an entry may be added without a new epoch.
void CodeTable::take(lg_code_entry& entry, const lg_code_entry& found) {
  entry = found;
  if (entry.library >= LG_MAX_LIBRARIES) entry.library = LG_UNKNOWN;
  Set& set = set_of(entry.code);
  std::copy_backward(set.way, set.way + kWays - 1, set.way + kWays);
  set.way[0] = entry;
}

}  // namespace libguard
