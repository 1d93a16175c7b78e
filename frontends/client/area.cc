// SPDX-License-Identifier: Apache-2.0
// The program area: private memory that the supervisor reads, and the hello that names it.
//
// Way:     *events*: the first message of a program.
// Thread:  made once, before the runtime starts; fork copies it.
// Failure: no memory or no randomness: the program does not start; a refused hello is the caller's to answer.
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frontends/client/client.h"
#include "frontends/client/marker.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

lg_area* g_area;
pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

constexpr uint64_t kHeadBytes = 4096;
constexpr uint64_t kTableBytes = sizeof(lg_code_bucket) * LG_TABLE_BUCKETS;

lg_area* make_area() {
  void* memory = mmap(nullptr, kHeadBytes + kTableBytes + kNamesBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    lg_refuse_start("no memory for the program area", "raise the limit of address space (ulimit -v)");
  lg_area* area = static_cast<lg_area*>(memory);
  ssize_t got;
  do got = getrandom(area->nonce, sizeof area->nonce, 0);
  while (got < 0 && errno == EINTR);
  if (got != sizeof area->nonce) lg_refuse_start("no random numbers for the program area", "getrandom(2) must work");
  uint64_t base = reinterpret_cast<uintptr_t>(memory);
  area->epoch = 1;
  area->table = base + kHeadBytes;
  area->names = base + kHeadBytes + kTableBytes;
  area->names_size = kNamesBytes;
  area->version = LG_ABI_VERSION;
  return area;
}

// Where the kernel's robust list lies beside the thread's own descriptor: lets the supervisor name a blocked thread.
uint64_t robust_delta() {
  void* head = nullptr;
  size_t length = 0;
  if (syscall(SYS_get_robust_list, 0, &head, &length) != 0 || !head) return 0;
  return reinterpret_cast<uintptr_t>(head) - static_cast<uint64_t>(pthread_self());
}

}  // namespace

lg_area* client_area() { return g_area; }

}  // namespace libguard

using namespace libguard;

extern "C" {

void lg_lock(void) { pthread_mutex_lock(&g_lock); }
void lg_unlock(void) { pthread_mutex_unlock(&g_lock); }

long lg_say_hello(struct lg_hello* hello) {
  if (g_area) return -EALREADY;
  lg_area* area = make_area();
  pthread_atfork(lg_lock, lg_unlock, lg_unlock);  // a child must not inherit a lock that another thread held
  hello->version = LG_ABI_VERSION;
  hello->area = reinterpret_cast<uintptr_t>(area);
  hello->robust_delta = robust_delta();
  __builtin_memcpy(hello->nonce, area->nonce, sizeof hello->nonce);
  g_area = area;
  return marker(LG_MARKER_HELLO, reinterpret_cast<uintptr_t>(hello), sizeof *hello);
}
}
