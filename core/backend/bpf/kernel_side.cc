// SPDX-License-Identifier: Apache-2.0
// Loads the skeleton, maps the writable values, reads and writes the maps.
//
// Way:     see kernel_side.h.
// Thread:  the serving thread.
// Failure: see kernel_side.h.
#include "core/backend/bpf/kernel_side.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "core/backend/bpf/pins.h"
#include "core/backend/bpf/stubs.h"
#include "skeleton/guard.skel.h"

namespace libguard {
namespace {

constexpr char kInitialPidNamespace[] = "pid:[4026531836]";
constexpr uint32_t kBatch = 512;
// All that the supervisor reads or writes; pinned under these names.
constexpr const char* kMaps[] = {"processes", "images", "handoffs", "matrices", "settings",
                                 "names",     "states", "pairs",    "ring",     "counts"};

int quiet(libbpf_print_level, const char*, va_list) { return 0; }

size_t pages(size_t size) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

Status check_namespace() {
  char target[64] = "";
  if (readlink("/proc/self/ns/pid", target, sizeof(target) - 1) < 0 || std::strcmp(target, kInitialPidNamespace) != 0)
    return fail(Code::kUnsupported,
                "this is not the initial pid namespace: the kernel counts processes by other numbers",
                "run libguard outside of the container, or use --backend=notify");
  return {};
}

Error load_error(int error) {
  if (error == EPERM || error == EACCES)
    return {Code::kDenied, "the kernel refuses to load BPF programs", "run as root, or use --backend=notify"};
  return {Code::kUnsupported, std::string("the BPF programs cannot be loaded: ") + std::strerror(error),
          "Linux 6.1 or newer with BTF (/sys/kernel/btf/vmlinux) is needed; or use --backend=notify"};
}

// All keys and values of a hash map.
template <class Key, class Value>
std::vector<std::pair<Key, Value>> read_all(int map) {
  std::vector<std::pair<Key, Value>> all;
  std::vector<Key> keys(kBatch);
  std::vector<Value> values(kBatch);
  uint32_t position = 0;
  for (bool first = true;; first = false) {
    uint32_t count = kBatch;
    int result =
        bpf_map_lookup_batch(map, first ? nullptr : &position, &position, keys.data(), values.data(), &count, nullptr);
    if (result != 0 && errno == ENOSPC) {  // a bucket longer than the batch
      keys.resize(keys.size() * 2);
      values.resize(keys.size());
      continue;
    }
    for (uint32_t i = 0; i < count; i++) all.emplace_back(keys[i], values[i]);
    if (result != 0) return all;
  }
}

// A read of the supervisor's waits for the memory. Whether it succeeds shows at the next call.
void bring_back(const lg_away& away) {
  char first, last;
  iovec to[] = {{&first, 1}, {&last, 1}};
  iovec from[] = {{reinterpret_cast<void*>(away.address), 1},
                  {reinterpret_cast<void*>(away.address + away.size - 1), 1}};
  process_vm_readv(static_cast<pid_t>(away.pid), to, 2, from, 2, 0);
}

const char* program_of(HookKind kind) {
  if (kind == HookKind::kLsm) return "lg_lsm_";
  if (kind == HookKind::kLsmWaiting) return "lg_lsms_";
  return kind == HookKind::kCgroup ? "lg_cgroup_" : "lg_fmod_";
}

}  // namespace

void KernelSide::choose_programs(const Refusers& refusers) {
  const std::vector<HookKind>& kinds = refusers.hooks;
  bpf_program__set_autoload(skeleton_->progs.lg_override, !refusers.stubs.empty());
  for (size_t i = 0; i < kinds.size(); i++) {
    if (kinds[i] == HookKind::kNone) continue;
    const std::string name = program_of(kinds[i]) + std::string(hooks()[i].name);
    bpf_program* program = bpf_object__find_program_by_name(skeleton_->obj, name.c_str());
    if (program != nullptr) bpf_program__set_autoload(program, true);
  }
}

void KernelSide::set_limits(const KernelLimits& limits) {
  if (limits.states) bpf_map__set_max_entries(skeleton_->maps.states, limits.states);
  if (limits.pairs) bpf_map__set_max_entries(skeleton_->maps.pairs, limits.pairs);
  if (limits.processes) bpf_map__set_max_entries(skeleton_->maps.processes, limits.processes);
  if (limits.refusals) bpf_map__set_max_entries(skeleton_->maps.refusals, limits.refusals);
  if (limits.ring_bytes) bpf_map__set_max_entries(skeleton_->maps.ring, limits.ring_bytes);
}

Status KernelSide::permitted() {
  if (Status ours = check_namespace(); !ours) return ours;
  const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  const int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "lg_probe", "GPL", program, 2, nullptr);
  if (fd < 0) return tl::unexpected(load_error(errno));
  close(fd);
  return {};
}

Status KernelSide::attach_probes(const PythonProbes& feed) {
  auto attach = [&](bpf_program* program, const std::vector<uint64_t>& offsets) {
    for (uint64_t offset : offsets) {
      bpf_link* link = bpf_program__attach_uprobe(program, false, -1, feed.path.c_str(), offset);
      if (link == nullptr) return false;
      probes_.push_back(link);
    }
    return true;
  };
  if (attach(skeleton_->progs.lg_on_function_entry, feed.entries) &&
      attach(skeleton_->progs.lg_on_function_return, feed.returns))
    return {};
  return fail(Code::kUnsupported, "the kernel takes no probes in " + feed.path + ": " + std::strerror(errno),
              "CONFIG_UPROBES is needed; leave --feed out");
}

// What the skeleton cannot attach by itself.
Status KernelSide::attach_to_cgroup() {
  bpf_program* program = skeleton_->progs.lg_cgroup_socket_setsockopt;
  if (!bpf_program__autoload(program)) return {};
  const int root = open_root_cgroup();
  skeleton_->links.lg_cgroup_socket_setsockopt = bpf_program__attach_cgroup(program, root);
  const int error = skeleton_->links.lg_cgroup_socket_setsockopt ? 0 : errno;
  if (root >= 0) close(root);
  return error ? tl::unexpected(load_error(error)) : Status();
}

Status KernelSide::attach_to_stubs(const std::vector<int>& calls) {
  if (calls.empty()) return {};
  std::vector<std::string> names;
  std::vector<const char*> symbols;
  for (int nr : calls) names.push_back(stub_symbol(nr));
  for (const std::string& name : names) symbols.push_back(name.c_str());
  LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .syms = symbols.data(), .cnt = symbols.size());
  skeleton_->links.lg_override = bpf_program__attach_kprobe_multi_opts(skeleton_->progs.lg_override, nullptr, &options);
  return skeleton_->links.lg_override ? Status() : tl::unexpected(load_error(errno));
}

Result<std::unique_ptr<KernelSide>> KernelSide::load(const Refusers& refusers, const KernelLimits& limits,
                                                     const PythonProbes* feed) {
  libbpf_set_print(quiet);
  if (Status may = permitted(); !may) return tl::unexpected(may.error());
  std::unique_ptr<KernelSide> side(new KernelSide());
  side->skeleton_ = guard_bpf__open();
  if (side->skeleton_ == nullptr) return tl::unexpected(load_error(errno));
  side->choose_programs(refusers);
  side->set_limits(limits);
  for (bpf_program* program :
       {side->skeleton_->progs.lg_on_function_entry, side->skeleton_->progs.lg_on_function_return})
    bpf_program__set_autoload(program, feed != nullptr);
  if (int error = guard_bpf__load(side->skeleton_); error != 0) return tl::unexpected(load_error(-error));
  for (const char* name : kMaps)
    side->maps_[name] = bpf_map__fd(bpf_object__find_map_by_name(side->skeleton_->obj, name));
  if (Status mapped = side->map_values(); !mapped) return tl::unexpected(mapped.error());
  if (int error = guard_bpf__attach(side->skeleton_); error != 0) return tl::unexpected(load_error(-error));
  if (Status opened = side->open_ring(); !opened) return tl::unexpected(opened.error());
  if (Status attached = side->attach_to_cgroup(); !attached) return tl::unexpected(attached.error());
  if (Status attached = side->attach_to_stubs(refusers.stubs); !attached) return tl::unexpected(attached.error());
  if (Status fed = feed ? side->attach_probes(*feed) : Status(); !fed) return tl::unexpected(fed.error());
  return side;
}

Result<std::unique_ptr<KernelSide>> KernelSide::take_over(const std::string& directory) {
  std::unique_ptr<KernelSide> side(new KernelSide());
  for (const char* name : kMaps) {
    const int map = bpf_obj_get((directory + "/" + name).c_str());
    if (map < 0) return tl::unexpected(load_error(errno));
    side->maps_[name] = map;
  }
  side->pinned_ = directory;
  if (Status opened = side->open_ring(); !opened) return tl::unexpected(opened.error());
  return side;
}

Status KernelSide::open_ring() {
  auto take = [](void* self, void* data, size_t size) {
    if (size == sizeof(lg_away)) bring_back(*static_cast<lg_away*>(data));
    if (size >= sizeof(lg_first_call)) static_cast<KernelSide*>(self)->take_(*static_cast<lg_first_call*>(data));
    return 0;
  };
  ring_ = ring_buffer__new(maps_.at("ring"), take, this, nullptr);
  if (ring_ == nullptr) return tl::unexpected(load_error(errno));
  return {};
}

Status KernelSide::map_values() {
  void* settings =
      mmap(nullptr, pages(sizeof(lg_settings)), PROT_READ | PROT_WRITE, MAP_SHARED, maps_.at("settings"), 0);
  if (settings == MAP_FAILED) return tl::unexpected(load_error(errno));
  settings_ = static_cast<lg_settings*>(settings);
  void* matrix = mmap(nullptr, pages(sizeof(lg_matrix)), PROT_READ | PROT_WRITE, MAP_SHARED, maps_.at("matrices"), 0);
  if (matrix == MAP_FAILED) return tl::unexpected(load_error(errno));
  matrix_ = static_cast<lg_matrix*>(matrix);
  return {};
}

Status KernelSide::pin() {
  auto directory = Pins::pin(*skeleton_->skeleton, maps_);
  if (!directory) return tl::unexpected(directory.error());
  pinned_ = *directory;
  return {};
}

KernelSide::~KernelSide() {
  if (!pinned_.empty()) Pins::release(pinned_);
  if (ring_ != nullptr) ring_buffer__free(ring_);
  if (settings_ != nullptr) munmap(settings_, pages(sizeof(lg_settings)));
  if (matrix_ != nullptr) munmap(matrix_, pages(sizeof(lg_matrix)));
  if (skeleton_ == nullptr)
    for (const auto& [name, map] : maps_) close(map);
  for (bpf_link* link : probes_) bpf_link__destroy(link);
  guard_bpf__destroy(skeleton_);
}

Status KernelSide::guard(pid_t pid, uint32_t image) {
  lg_kernel_process process{};
  process.image = image;
  process.flags = LG_PROCESS_ADOPTED;
  const auto key = static_cast<uint32_t>(pid);
  skeleton_->bss->lg_perhaps[key % LG_PERHAPS] = 1;
  if (bpf_map_update_elem(maps_.at("processes"), &key, &process, BPF_ANY) == 0) return {};
  return fail(Code::kLimit, std::string("the kernel cannot remember the process: ") + std::strerror(errno),
              "raise the limit of locked memory (ulimit -l), or use --backend=notify");
}

uint32_t KernelSide::image_of(pid_t pid) const {
  lg_kernel_process process{};
  const auto key = static_cast<uint32_t>(pid);
  if (bpf_map_lookup_elem(maps_.at("processes"), &key, &process) != 0) return LG_IMAGE_DOOR;
  return process.image;
}

bool KernelSide::set_image(uint32_t number, const lg_image& image) {
  return bpf_map_update_elem(maps_.at("images"), &number, &image, BPF_ANY) == 0;
}

lg_image KernelSide::image(uint32_t number) const {
  lg_image image{};
  bpf_map_lookup_elem(maps_.at("images"), &number, &image);
  return image;
}

void KernelSide::set_name(uint32_t library, const std::string& purl) {
  lg_library_name name{};
  purl.copy(name.text, sizeof(name.text) - 1);
  bpf_map_update_elem(maps_.at("names"), &library, &name, BPF_ANY);
}

std::string KernelSide::name(uint32_t library) const {
  lg_library_name name{};
  bpf_map_lookup_elem(maps_.at("names"), &library, &name);
  name.text[sizeof(name.text) - 1] = 0;
  return name.text;
}

std::vector<std::pair<pid_t, lg_kernel_process>> KernelSide::processes() const {
  std::vector<std::pair<pid_t, lg_kernel_process>> all;
  for (const auto& [pid, process] : read_all<uint32_t, lg_kernel_process>(maps_.at("processes")))
    all.emplace_back(static_cast<pid_t>(pid), process);
  return all;
}

bool KernelSide::set_phase(pid_t pid, uint32_t phase) {
  lg_phase_request request{static_cast<uint32_t>(pid), phase};
  LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &request, .ctx_size_in = sizeof(request));
  return bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.lg_set_phase), &options) == 0 && options.retval == 0;
}

bool KernelSide::set_handoff(pid_t tid, const lg_handoff& handoff) {
  const auto key = static_cast<uint32_t>(tid);
  skeleton_->bss->lg_handoffs_noted = 1;
  return bpf_map_update_elem(maps_.at("handoffs"), &key, &handoff, BPF_ANY) == 0;
}

void KernelSide::clear_handoff(pid_t tid) {
  const auto key = static_cast<uint32_t>(tid);
  bpf_map_delete_elem(maps_.at("handoffs"), &key);
}

void KernelSide::judge_again(const std::vector<int>& calls) {
  for (int nr : calls) settings_->want[nr] |= LG_WANT_AGAIN;
}

void KernelSide::refuse_calls(const std::vector<int>& calls, uint16_t library, int error) {
  settings_->error = error;
  for (int nr : calls) {
    for (Right right : rights_of_call(nr)) {
      const uint16_t id = number(right);
      matrix_->deny[LG_INIT][LG_ROLE_STACK][id].word[library / 64] |= 1ull << (library % 64);
      settings_->judged[LG_INIT][id / 64] |= 1ull << (id % 64);
      settings_->refused[id / 64] |= 1ull << (id % 64);
    }
    settings_->want[nr] |= LG_WANT_RIGHT;
  }
}

void KernelSide::forget_observations() {
  drain([](const lg_first_call&) {});
  for (const auto& [pair, count] : pairs()) bpf_map_delete_elem(maps_.at("pairs"), &pair);
  for (const auto& [state, number] : read_all<lg_state, uint32_t>(maps_.at("states")))
    bpf_map_delete_elem(maps_.at("states"), &state);
  const int processors = libbpf_num_possible_cpus();
  if (processors <= 0) return;
  const std::vector<lg_kernel_counts> none(static_cast<size_t>(processors));
  const uint32_t zero = 0;
  bpf_map_update_elem(maps_.at("counts"), &zero, none.data(), BPF_ANY);
}

int KernelSide::ring_fd() const { return ring_buffer__epoll_fd(ring_); }

void KernelSide::drain(const std::function<void(const lg_first_call&)>& take) {
  take_ = take;
  ring_buffer__consume(ring_);
  take_ = nullptr;
}

std::vector<std::pair<lg_pair, uint64_t>> KernelSide::pairs() const {
  return read_all<lg_pair, uint64_t>(maps_.at("pairs"));
}

std::vector<std::pair<uint32_t, lg_state>> KernelSide::states() const {
  std::vector<std::pair<uint32_t, lg_state>> all;
  for (const auto& [state, number] : read_all<lg_state, uint32_t>(maps_.at("states"))) all.emplace_back(number, state);
  return all;
}

uint64_t KernelSide::passed_over() const {
  uint64_t sum = 0;
  if (skeleton_ == nullptr) return sum;
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(skeleton_->obj, program)) != nullptr) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    const int fd = bpf_program__fd(program);
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0) sum += info.recursion_misses;
  }
  return sum;
}

lg_kernel_counts KernelSide::counts() const {
  lg_kernel_counts sum{};
  const int processors = libbpf_num_possible_cpus();
  if (processors <= 0) return sum;
  std::vector<lg_kernel_counts> each(static_cast<size_t>(processors));
  uint32_t zero = 0;
  if (bpf_map_lookup_elem(maps_.at("counts"), &zero, each.data()) != 0) return sum;
  constexpr size_t kFields = sizeof(lg_kernel_counts) / sizeof(uint64_t);
  auto* total = reinterpret_cast<uint64_t*>(&sum);
  for (const lg_kernel_counts& one : each)
    for (size_t i = 0; i < kFields; i++) total[i] += reinterpret_cast<const uint64_t*>(&one)[i];
  return sum;
}

}  // namespace libguard
