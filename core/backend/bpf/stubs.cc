// SPDX-License-Identifier: Apache-2.0
// Asks the kernel, in halves: a list of stubs is taken or refused as a whole.
//
// Way:     see stubs.h.
// Thread:  see stubs.h.
// Failure: see stubs.h.
#include "core/backend/bpf/stubs.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "core/backend/bpf/abilities.h"

namespace libguard {
namespace {

// Not to be overridden: the kernel runs on into a trap after the stubs that do not return, and a thread must be able to
// come back from a signal or a probe.
const std::set<int> kNever = {LG_NR_exit,      LG_NR_exit_group, LG_NR_rt_sigreturn, LG_NR_restart_syscall,
                              LG_NR_uretprobe, LG_NR_uprobe};

// Calls whose stubs bear other names than they do.
const std::map<int, const char*>& other_names() {
  static const std::map<int, const char*> names = {
      {LG_NR_stat, "newstat"},   {LG_NR_fstat, "newfstat"},      {LG_NR_lstat, "newlstat"},
      {LG_NR_uname, "newuname"}, {LG_NR_sendfile, "sendfile64"}, {LG_NR_umount2, "umount"},
  };
  return names;
}

// Functions of the kernel that are there under their own names: weak ones stand for calls that it was built without.
std::set<std::string> strong_functions() {
  std::set<std::string> all;
  std::ifstream file("/proc/kallsyms");
  for (std::string line; std::getline(file, line);) {  // ADDRESS TYPE NAME
    const size_t first = line.find(' ');
    if (first == std::string::npos || line.size() < first + 4) continue;
    if (line[first + 1] != 'T' && line[first + 1] != 't') continue;
    const std::string name = line.substr(first + 3, line.find('\t') - first - 3);
    if (name.rfind("__x64_sys_", 0) == 0) all.insert(name);
  }
  return all;
}

// A program that could override, and never does: no process that makes a call has number 0.
int load_probe() {
  const bpf_insn program[] = {
      {BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0}, {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid},
      {BPF_JMP | BPF_JNE | BPF_K, 0, 0, 3, 0},   {BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0}, {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_override_return},
      {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_KPROBE_MULTI);
  return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "lg_probe", "GPL", program, sizeof(program) / sizeof(program[0]),
                       &options);
}

bool attaches(int program, const std::vector<int>& calls) {
  std::vector<std::string> names;
  std::vector<const char*> symbols;
  for (int nr : calls) names.push_back(stub_symbol(nr));
  for (const std::string& name : names) symbols.push_back(name.c_str());
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.kprobe_multi.syms = symbols.data();
  options.kprobe_multi.cnt = static_cast<__u32>(symbols.size());
  const int link = bpf_link_create(program, 0, BPF_TRACE_KPROBE_MULTI, &options);
  if (link >= 0) close(link);
  return link >= 0;
}

void keep_attachable(int program, const std::vector<int>& calls, std::vector<int>& kept) {
  if (calls.empty()) return;
  if (attaches(program, calls)) {
    kept.insert(kept.end(), calls.begin(), calls.end());
    return;
  }
  if (calls.size() == 1) return;
  const auto half = calls.begin() + static_cast<long>(calls.size() / 2);
  keep_attachable(program, {calls.begin(), half}, kept);
  keep_attachable(program, {half, calls.end()}, kept);
}

}  // namespace

std::vector<int> stub_candidates() {
  const std::vector<int> hooked = hooked_calls();
  std::set<int> calls(hooked.begin(), hooked.end());
  const std::vector<Outcome> all(LG_MAX_RIGHTS, Outcome::kNotify);
  const RightSet judged = kernel_rights(all, true);
  for (int nr = 0; nr < LG_NUMBERS; nr++) {
    const std::vector<Right> rights = rights_of_call(nr);
    if (std::any_of(rights.begin(), rights.end(), [&](Right right) { return judged.has(right); })) calls.insert(nr);
  }
  for (int nr : kNever) calls.erase(nr);
  return {calls.begin(), calls.end()};
}

std::string stub_symbol(int nr) {
  const auto other = other_names().find(nr);
  return "__x64_sys_" + (other != other_names().end() ? std::string(other->second) : syscall_name(nr).value_or(""));
}

std::vector<int> probe_stubs(const std::vector<int>& broken) {
  std::vector<int> kept, there;
  const int program = load_probe();
  if (program < 0) return kept;
  const std::set<std::string> functions = strong_functions();
  for (int nr : stub_candidates())
    if (functions.count(stub_symbol(nr)) && !std::count(broken.begin(), broken.end(), nr)) there.push_back(nr);
  keep_attachable(program, there, kept);
  close(program);
  return kept;
}

}  // namespace libguard
