// SPDX-License-Identifier: Apache-2.0
// The numbers in the order in which x86-64 got them.
//
// Way:     see call_age.h.
// Thread:  see call_age.h.
// Failure: see call_age.h.
#include "core/rights/call_age.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "core/rights/rights.h"

namespace libguard {
namespace {

// From this number on, until the next line. uretprobe and uprobe took free numbers later than their neighbours.
struct Age {
  int first;
  KernelRelease release;
};
constexpr Age kAges[] = {
    {0, {2, 6}},    {303, {3, 0}},  {310, {3, 2}},  {312, {3, 5}},  {313, {3, 8}},  {314, {3, 14}}, {316, {3, 15}},
    {317, {3, 17}}, {321, {3, 18}}, {322, {3, 19}}, {323, {4, 3}},  {325, {4, 4}},  {326, {4, 5}},  {327, {4, 6}},
    {329, {4, 9}},  {332, {4, 11}}, {333, {4, 18}}, {335, {6, 11}}, {336, {6, 18}}, {424, {5, 1}},  {428, {5, 2}},
    {434, {5, 3}},  {436, {5, 9}},  {437, {5, 6}},  {439, {5, 8}},  {440, {5, 10}}, {441, {5, 11}}, {442, {5, 12}},
    {443, {5, 14}}, {444, {5, 13}}, {447, {5, 14}}, {448, {5, 15}}, {449, {5, 16}}, {450, {5, 17}}, {451, {6, 5}},
    {452, {6, 6}},  {454, {6, 7}},  {457, {6, 8}},  {462, {6, 10}}, {463, {6, 13}}, {467, {6, 15}}, {468, {6, 17}},
    {470, {6, 19}}, {471, {7, 0}},
};

constexpr int kSubstituted[] = {
    LG_NR_copy_file_range, LG_NR_preadv2, LG_NR_pwritev2,   LG_NR_statx,        LG_NR_rseq,      LG_NR_clone3,
    LG_NR_close_range,     LG_NR_openat2, LG_NR_faccessat2, LG_NR_epoll_pwait2, LG_NR_fchmodat2, LG_NR_futex_waitv};

}  // namespace

std::optional<KernelRelease> parse_release(std::string_view text) {
  KernelRelease release;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, release.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, release.minor);
  if (minor.ec != std::errc()) return std::nullopt;
  return release;
}

std::optional<KernelRelease> release_of_call(int number) {
  if (number < 0 || !syscall_name(number)) return std::nullopt;
  const auto after = std::upper_bound(std::begin(kAges), std::end(kAges), number,
                                      [](int wanted, const Age& age) { return wanted < age.first; });
  return std::prev(after)->release;
}

bool has_substitute(int number) {
  return std::find(std::begin(kSubstituted), std::end(kSubstituted), number) != std::end(kSubstituted);
}

}  // namespace libguard
