// SPDX-License-Identifier: Dual MIT/GPL
// A BPF program that classifies and judges one call: the pure headers pass the compiler and the verifier.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/judge.h"

struct probe {
  __u32 nr, self, family, right;
  __u64 args[6];
  struct lg_subject subject;
  struct lg_verdict verdict;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct lg_matrix);
} matrices SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct probe);
} probes SEC(".maps");

SEC("socket")
int judge_probe(void *context)
{
  __u32 zero = 0;
  struct lg_matrix *matrix = bpf_map_lookup_elem(&matrices, &zero);
  struct probe *probe = bpf_map_lookup_elem(&probes, &zero);

  (void)context;
  if (!matrix || !probe)
    return 0;
  probe->right = lg_classify(probe->nr, probe->args, probe->self, probe->family);
  if (lg_is_judged(matrix, probe->subject.phase, probe->right))
    lg_judge(matrix, &probe->subject, (__u16)probe->right, 0, &probe->verdict);
  return probe->verdict.allowed;
}

char lg_license[] SEC("license") = "Dual MIT/GPL";
