// SPDX-License-Identifier: Apache-2.0
// A library of the test program: interposition, versions, tables of pointers, tail calls, IFUNC.
#define CALL(number) __asm__ volatile("mov $" #number ", %%eax\n syscall" ::: "rax", "rcx", "r11", "memory")

__attribute__((noinline)) void interposed(void) { CALL(101); }  // the program's own one is taken instead
void library_uses_interposed(void) { interposed(); }

static void in_used_table(void) { CALL(39); }
static void in_unused_table(void) { CALL(165); }
static void (*const used_table[])(void) = {in_used_table};
// Apart from its neighbours: C++ points a little in front of its objects, so what lies there counts too.
static void (*unused_table[16])(void) __attribute__((aligned(64))) = {0, 0, 0, 0, in_unused_table};
void* library_exports_pointer = unused_table;  // nobody asks for it
void library_calls_table(int i) { used_table[i](); }

void library_takes_callback(void (*callback)(void)) { callback(); }

void library_old_version(void) { CALL(102); }
void library_new_version(void) { CALL(104); }
__asm__(".symver library_old_version, versioned@ONE");
__asm__(".symver library_new_version, versioned@@TWO");

static void resolved_a(void) { CALL(107); }
static void resolved_b(void) { CALL(108); }
static void (*resolve(void))(void) { return __builtin_cpu_supports("avx2") ? resolved_a : resolved_b; }
void indirect_function(void) __attribute__((ifunc("resolve")));

struct operations { void (*run)(void); };
static void copied_operation(void) { CALL(110); }
struct operations copied_object = {copied_operation};  // lives in the program: R_X86_64_COPY

long syscall(long number, ...);
void library_wraps(long number) { syscall(number); }
void library_tail_call(void);
__asm__(".globl library_tail_call\n.type library_tail_call,@function\nlibrary_tail_call: jmp getppid@PLT\n.size library_tail_call, .-library_tail_call");
void library_is_never_called(void) { CALL(59); }
