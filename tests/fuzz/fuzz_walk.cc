// SPDX-License-Identifier: Apache-2.0
// The walk over memory that an attacker wrote: every version's offsets, every step, ends within its bounds.
#include <vector>

#include "bpf/walk_cpython.h"
#include "core/backend/walk/python_offsets.h"
#include "tests/fuzz/input.h"

namespace libguard {
namespace {

constexpr uint64_t kBase = 0x100000;

struct Memory {
  const uint8_t* bytes;
  size_t size;
  // Addresses are folded into the input, so that random pointers lead somewhere.
  static int read(void* self, void* to, __u32 size, __u64 address) {
    auto* memory = static_cast<Memory*>(self);
    if (address < kBase) return -1;
    address = (address - kBase) & 0xfff;
    if (size > memory->size || address > memory->size - size) return -1;
    std::memcpy(to, memory->bytes + address, size);
    return 0;
  }
};

lg_python_offsets take_offsets(Input& input) {
  ProcessMemory none(0);
  const uint32_t minor = 7 + input.take<uint8_t>() % 7;
  if (minor < 13) return *python_offsets(none, 0x03000000 | minor << 16, 0);
  uint8_t debug[512];
  input.take(debug, sizeof(debug));
  std::memcpy(debug, "xdebugpy", 8);
  auto parsed = parse_debug_offsets(0x030d00f0, debug, sizeof(debug));
  return parsed ? *parsed : *python_offsets(none, 0x030c0000, 0);
}

void walk(Input& input) {
  const lg_python_offsets offsets = take_offsets(input);
  require(offsets.frame_size <= LG_FRAME_BYTES, "a frame fits into the walk's buffer");
  const lg_python_program program{kBase, input.take<uint64_t>(), 0x50000, 0x60000};
  const auto thread = input.take<uint64_t>();
  Memory memory{input.rest(), input.left()};
  lg_reader reader{Memory::read, &memory};
  lg_python_search search{};
  int step = lg_python_search_start(&reader, &program, thread, &search);
  for (int steps = 0; step > LG_STEP_END && steps < LG_MAX_SEARCH_STEPS; steps++)
    step = lg_python_search_step(&reader, &offsets, &search);
  require(search.interpreters_seen <= LG_MAX_INTERPRETERS, "the search counts interpreters");
  if (step == LG_STEP_END) lg_python_confirm(&reader, &offsets, &program, &search);
  for (uint32_t i = 0; i < search.found_count && i < LG_MAX_THREAD_STATES; i++) {
    uint8_t state[LG_STATE_BYTES];
    if (Memory::read(&memory, state, sizeof(state), search.found[i])) continue;
    lg_python_link(&offsets, state);
    lg_python_cursor cursor{};
    step = lg_python_first(&reader, &offsets, search.found[i], state, &cursor);
    for (int frames = 0; step > LG_STEP_END && frames < 4096; frames++) {
      step = lg_python_step(&reader, &offsets, &program, &cursor);
      if (step == LG_STEP_FRAME)
        require(!lg_python_skips(&offsets, &program, cursor.code), "what is skipped is no frame");
    }
  }
}

void find(Input& input) {
  const auto bucket = input.take<lg_code_bucket>();
  lg_code_entry entry{};
  const uint64_t code = input.take<uint64_t>();
  if (lg_bucket_find(&bucket, code, &entry) == LG_FOUND)
    require(entry.code == code, "the entry found is the one asked for");
}

}  // namespace
}  // namespace libguard

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  libguard::Input input(data, size);
  libguard::walk(input);
  libguard::Input again(data, size);
  libguard::find(again);
  return 0;
}
