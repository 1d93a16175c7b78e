// SPDX-License-Identifier: Dual MIT/GPL
// Runs the pure headers in the kernel over inputs that the test puts into maps, and the walk over the test's own memory.
#include "bpf/subject.h"
#include "tests/unit/bpf_copies.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, LG_COPY_BATCH);
  __type(key, __u32);
  __type(value, struct lg_copy_input);
} inputs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, LG_COPY_BATCH);
  __type(key, __u32);
  __type(value, struct lg_copy_output);
} outputs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct lg_kernel_thread);
} walked SEC(".maps");

struct lg_request {
  __u32 count, pad;
};

static long classify_one(__u64 index, void *context)
{
  __u32 at = index;
  struct lg_copy_input *input = bpf_map_lookup_elem(&inputs, &at);
  struct lg_copy_output *output = bpf_map_lookup_elem(&outputs, &at);

  if (!input || !output)
    return 1;
  output->right = lg_classify(input->nr, input->args, input->self, input->family);
  output->needs_family = lg_needs_family(input->nr, input->args) != 0;
  return 0;
}

static long judge_one(__u64 index, void *context)
{
  __u32 at = index, zero = 0;
  struct lg_copy_input *input = bpf_map_lookup_elem(&inputs, &at);
  struct lg_copy_output *output = bpf_map_lookup_elem(&outputs, &at);
  struct lg_matrix *matrix = bpf_map_lookup_elem(&matrices, &zero);

  if (!input || !output || !matrix)
    return 1;
  output->is_judged = lg_is_judged(matrix, input->subject.phase, input->right) != 0;
  output->needs_function = lg_needs_function(input->right, &input->subject) != 0;
  lg_judge(matrix, &input->subject, (__u16)input->right, input->known, &output->verdict);
  return 0;
}

SEC("syscall")
int copy_classify(struct lg_request *request)
{
  bpf_loop(request->count, classify_one, 0, 0);
  return 0;
}

SEC("syscall")
int copy_judge(struct lg_request *request)
{
  bpf_loop(request->count, judge_one, 0, 0);
  return 0;
}

SEC("syscall")
int copy_walk(struct lg_copy_walk *walk)
{
  __u32 zero = 0, one = 1;
  struct lg_look look = {.s = lg_scratch_here(LG_ROOM_FIRST), .counts = lg_counts_here()};

  look.thread = bpf_map_lookup_elem(&walked, &zero);
  look.image = bpf_map_lookup_elem(&images, &one);
  if (!look.s || !look.counts || !look.thread || !look.image)
    return 1;
  lg_walk(&look, walk->thread, 1);
  walk->stack = look.s->call.subject.stack;
  return 0;
}

char lg_license[] SEC("license") = "Dual MIT/GPL";
