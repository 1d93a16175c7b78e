// SPDX-License-Identifier: Apache-2.0
// Where the fields lie that the walk reads: a table up to 3.12, the interpreter's own word from 3.13 on.
//
// Way:     hello -> *describe* -> walk.
// Thread:  pure, but for the one read of _Py_DebugOffsets.
// Failure: unknown versions and offsets that cannot be are errors: a wrong offset would be a wrong stack.
#include "core/backend/walk/python_offsets.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace libguard {
namespace {

constexpr uint32_t kNone = LG_NO_OFFSET;

// From offsetof in each release's own headers; the same in all patch releases that were compared.
constexpr lg_python_offsets kTable[] = {
    // version, interpreters | next, states | previous, next, interpreter, thread | frame, cframe, in cframe
    //   | code, previous, owner, bytes | tags, image
    {0x0307, 24, 0, 8, 0, 8, 16, 176, 24, kNone, kNone, 32, 24, kNone, 40, 0, 0},
    {0x0308, 32, 0, 8, 0, 8, 16, 176, 24, kNone, kNone, 32, 24, kNone, 40, 0, 0},
    {0x0309, 32, 0, 8, 0, 8, 16, 176, 24, kNone, kNone, 32, 24, kNone, 40, 0, 0},
    {0x030a, 32, 0, 8, 0, 8, 16, 176, 24, 48, kNone, 32, 24, kNone, 40, 0, 0},
    {0x030b, 40, 0, 16, 0, 8, 16, 152, kNone, 56, 8, 32, 48, 69, 72, 0, 0},
    {0x030c, 40, 0, 72, 0, 8, 16, 136, kNone, 56, 0, 0, 8, 70, 72, 0, 0},
};

std::string version_text(uint32_t hexversion) {
  return std::to_string(hexversion >> 24) + "." + std::to_string((hexversion >> 16) & 0xff) + "." +
         std::to_string((hexversion >> 8) & 0xff);
}

tl::unexpected<Error> unknown_version(uint32_t hexversion) {
  return fail(Code::kUnsupported, "CPython " + version_text(hexversion) + " has a layout that libguard does not know",
              "use CPython 3.9 to 3.15, or a newer libguard");
}

tl::unexpected<Error> bad_offsets(uint32_t hexversion, const std::string& why) {
  return fail(Code::kInvalid, "_Py_DebugOffsets of CPython " + version_text(hexversion) + ": " + why,
              "this interpreter is not the release it says it is; use an unmodified build");
}

// Word numbers in struct _Py_DebugOffsets. The struct grows from release to release.
struct DebugLayout {
  uint32_t version;
  uint32_t interpreters, interpreter_next, interpreter_states;
  uint32_t state;  // size previous next interpreter current_frame
  uint32_t state_thread;
  uint32_t frame;  // size previous executable instr_ptr localsplus owner
  uint32_t code_tags;
};
constexpr DebugLayout kLayouts[] = {
    {0x030d, 5, 8, 9, 19, 24, 28, 0},
    {0x030e, 5, 8, 9, 22, 27, 31, 3},
    {0x030f, 5, 8, 9, 22, 30, 39, 3},
};
constexpr size_t kDebugWords = 45;  // the last that is used: the owner of a frame, of 3.15

bool plausible(const lg_python_offsets& o, uint64_t state_size, uint64_t frame_size) {
  const uint32_t state[] = {o.state_previous, o.state_next, o.state_interpreter, o.state_thread, o.state_frame};
  for (uint32_t offset : state)
    if (offset % 8 || offset + 8 > LG_STATE_BYTES || offset + 8 > state_size) return false;
  const uint32_t far[] = {o.runtime_interpreters, o.interpreter_next, o.interpreter_states};
  for (uint32_t offset : far)
    if (offset % 8 || offset > 1u << 20) return false;
  return o.frame_code % 8 == 0 && o.frame_previous % 8 == 0 && o.frame_code != o.frame_previous &&
         o.frame_size <= LG_FRAME_BYTES && o.frame_owner < frame_size && o.frame_size <= frame_size + 8;
}

}  // namespace

Result<lg_python_offsets> parse_debug_offsets(uint32_t hexversion, const void* bytes, size_t size) {
  const DebugLayout* layout = nullptr;
  for (const DebugLayout& candidate : kLayouts)
    if (candidate.version == hexversion >> 16) layout = &candidate;
  if (!layout) return unknown_version(hexversion);
  uint64_t word[kDebugWords];
  if (size < sizeof(word)) return bad_offsets(hexversion, "too short");
  std::memcpy(word, bytes, sizeof(word));
  if (std::memcmp(bytes, "xdebugpy", 8) != 0) return bad_offsets(hexversion, "the cookie is missing");
  if (word[1] != hexversion) return bad_offsets(hexversion, "they are those of another version");
  for (size_t i = 3; i < kDebugWords; i++)
    if (word[i] > 1u << 24) return bad_offsets(hexversion, "a value is out of range");

  const auto at = [&](uint32_t index) { return static_cast<uint32_t>(word[index]); };
  lg_python_offsets o{};
  o.version = layout->version;
  o.runtime_interpreters = at(layout->interpreters);
  o.interpreter_next = at(layout->interpreter_next);
  o.interpreter_states = at(layout->interpreter_states);
  o.state_previous = at(layout->state + 1);
  o.state_next = at(layout->state + 2);
  o.state_interpreter = at(layout->state + 3);
  o.state_frame = at(layout->state + 4);
  o.state_thread = at(layout->state_thread);
  o.state_cframe = o.cframe_frame = kNone;
  o.frame_previous = at(layout->frame + 1);
  o.frame_code = at(layout->frame + 2);
  o.frame_owner = at(layout->frame + 5);
  o.frame_size = (std::max(std::max(o.frame_previous, o.frame_code) + 8, o.frame_owner + 1) + 7) / 8 * 8;
  o.code_tags = layout->code_tags;
  o.skips_image = 1;
  if (!plausible(o, word[layout->state], word[layout->frame])) return bad_offsets(hexversion, "they cannot be");
  return o;
}

Result<lg_python_offsets> python_offsets(ProcessMemory& memory, uint32_t hexversion, uint64_t runtime_state) {
  for (const lg_python_offsets& row : kTable)
    if (row.version == hexversion >> 16) return row;
  if (hexversion >> 16 < kLayouts[0].version) return unknown_version(hexversion);
  uint64_t words[kDebugWords];
  if (!memory.read(runtime_state, &words))
    return fail(Code::kIo, "cannot read _Py_DebugOffsets of CPython " + version_text(hexversion),
                "the supervisor must be allowed to read the process; see `libguard doctor`");
  return parse_debug_offsets(hexversion, words, sizeof(words));
}

}  // namespace libguard
