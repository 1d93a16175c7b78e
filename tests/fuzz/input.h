// SPDX-License-Identifier: Apache-2.0
// A fuzzer's bytes, taken from the front; zero once they are used up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace libguard {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  template <typename T>
  T take() {
    T value{};
    take(&value, sizeof(value));
    return value;
  }
  void take(void* to, size_t size) {
    const size_t some = size < left_ ? size : left_;
    if (some) std::memcpy(to, data_, some);
    data_ += some;
    left_ -= some;
  }
  size_t left() const { return left_; }
  const uint8_t* rest() const { return data_; }

 private:
  const uint8_t* data_;
  size_t left_;
};

// libFuzzer keeps the input of a run that aborts.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace libguard
