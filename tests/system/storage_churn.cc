// SPDX-License-Identifier: Apache-2.0
// Somebody else on the machine who keeps the storage of tasks busy, from several threads at once, until it is killed.
//
// Linux 6.1 counts for each processor who is at work in any storage of tasks; with full preemption such a one can be
// interrupted there, and every look-up by a program on that processor fails meanwhile.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <thread>
#include <vector>

namespace {

int make_storage() {
  btf* types = btf__new_empty();
  const int number = btf__add_int(types, "int", sizeof(int), BTF_INT_SIGNED);
  if (number < 0 || btf__load_into_kernel(types) != 0) return -1;
  LIBBPF_OPTS(bpf_map_create_opts, options, .btf_fd = static_cast<__u32>(btf__fd(types)),
              .btf_key_type_id = static_cast<__u32>(number), .btf_value_type_id = static_cast<__u32>(number),
              .map_flags = BPF_F_NO_PREALLOC);
  return bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "churn", sizeof(int), sizeof(int), 0, &options);
}

}  // namespace

int main() {
  const int storage = make_storage(), self = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
  if (storage < 0 || self < 0) return std::perror("storage_churn"), 1;
  auto work = [=] {
    for (int value = 0;; value++) {
      bpf_map_update_elem(storage, &self, &value, BPF_ANY);
      bpf_map_delete_elem(storage, &self);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back(work);
  std::puts("at work");
  std::fflush(stdout);
  for (std::thread& thread : threads) thread.join();
  return 0;
}
