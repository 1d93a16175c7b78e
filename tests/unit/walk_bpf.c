// SPDX-License-Identifier: Apache-2.0
/* The pure walk as BPF sees it: this file only has to compile for the bpf target (unit_walk_bpf_compiles). */
#define LG_READER void
static long (*lg_probe_read_user)(void *to, __UINT32_TYPE__ size, const void *from) = (void *)112;
#define LG_READ(reader, to, size, address) ((void)(reader), lg_probe_read_user((to), (size), (const void *)(address)))
#include "bpf/walk_cpython.h"

struct walk {
  struct lg_python_offsets offsets;
  struct lg_python_program program;
  struct lg_python_cursor cursor;
  struct lg_python_search search;
  struct lg_code_bucket bucket;
  struct lg_code_entry entry;
};

int frame_step(struct walk *w)
{
  int step = lg_python_step(0, &w->offsets, &w->program, &w->cursor);
  if (step == LG_STEP_FRAME && lg_bucket_find(&w->bucket, w->cursor.code, &w->entry) != LG_FOUND)
    w->entry = lg_code_untold(&w->program, w->cursor.code);
  return step;
}

int search_start(struct walk *w, unsigned long long thread)
{
  return lg_python_search_start(0, &w->program, thread, &w->search);
}

int search_step(struct walk *w)
{
  return lg_python_search_step(0, &w->offsets, &w->search);
}

int search_end(struct walk *w)
{
  int step = lg_python_confirm(0, &w->offsets, &w->program, &w->search);
  if (step == LG_STEP_END)
    step = lg_python_first(0, &w->offsets, w->search.found[0], w->search.bytes, &w->cursor);
  return step;
}
