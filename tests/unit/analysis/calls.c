// SPDX-License-Identifier: Apache-2.0
// Functions whose system calls the tests know: each makes the calls that its name says, in a way compilers use.
// 39 getpid, 59 execve, 102 getuid, 104 getgid, 107 geteuid, 108 getegid, 110 getppid, 186 gettid, 12 brk.
#define NAKED __attribute__((naked, noinline, used))
#define TEXT(name, body) NAKED void name(void) { __asm__ volatile(body); }

TEXT(plain_39, "mov $39, %eax\n syscall\n ret")
TEXT(zero_0, "xor %eax, %eax\n syscall\n ret")
TEXT(through_registers_102, "mov $102, %edi\n mov %rdi, %rdx\n lea (%rdx), %rax\n syscall\n ret")
TEXT(through_stack_104, "sub $24, %rsp\n movl $104, 8(%rsp)\n call plain_39\n mov 8(%rsp), %eax\n syscall\n add $24, %rsp\n ret")
TEXT(pushed_107, "push $107\n pop %rax\n syscall\n ret")
TEXT(either_108_110, "mov $108, %eax\n test %edi, %edi\n je 1f\n mov $110, %eax\n 1: syscall\n ret")
TEXT(chosen_39_186, "mov $39, %eax\n mov $186, %ecx\n cmp $1, %edi\n cmove %ecx, %eax\n syscall\n ret")
TEXT(computed_39_40, "xor %eax, %eax\n cmp $7, %rdi\n setne %al\n add $39, %eax\n syscall\n ret")
TEXT(zero_by_test_0, "mov (%rdi), %eax\n test %eax, %eax\n jne 1f\n syscall\n 1: ret")
TEXT(from_memory, "mov (%rdi), %eax\n syscall\n ret")
TEXT(in_loop_12, "mov $12, %eax\n mov %eax, %ebx\n 1: syscall\n mov %ebx, %eax\n dec %ecx\n jnz 1b\n ret")

TEXT(low_byte_107, "xor %eax, %eax\n mov $107, %al\n syscall\n ret")

// The number comes from the caller: a wrapper, and a wrapper around it.
TEXT(wrapper, "mov %rdi, %rax\n mov %rsi, %rdi\n syscall\n ret")
TEXT(outer_wrapper, "mov %rdx, %rdi\n jmp wrapper")
TEXT(calls_wrapper_39, "sub $8, %rsp\n mov $39, %edi\n call wrapper\n add $8, %rsp\n ret")
TEXT(calls_wrapper_twice_102_104, "sub $8, %rsp\n mov $102, %edi\n call wrapper\n mov $104, %edi\n call wrapper\n add $8, %rsp\n ret")
TEXT(calls_outer_59, "sub $8, %rsp\n mov $59, %edx\n call outer_wrapper\n add $8, %rsp\n ret")

TEXT(stack_wrapper, "mov 8(%rsp), %rax\n syscall\n ret")
TEXT(calls_stack_wrapper_102, "sub $24, %rsp\n movq $102, (%rsp)\n call stack_wrapper\n add $24, %rsp\n ret")

// A switch: each branch reaches the call with its own number.
TEXT(by_table_39_102_104,
     "cmp $2, %edi\n ja 9f\n lea 8f(%rip), %rdx\n movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n jmp *%rax\n"
     "1: mov $39, %eax\n jmp 5f\n 2: mov $102, %eax\n jmp 5f\n 3: mov $104, %eax\n 5: syscall\n 9: ret\n"
     ".pushsection .rodata\n .balign 4\n 8: .long 1b-8b, 2b-8b, 3b-8b\n .popsection")

// What comes behind a call that never returns does not run on from it.
TEXT(never_returns, "mov $60, %eax\n syscall\n hlt")
TEXT(after_never_returns_39, "mov $59, %eax\n test %edi, %edi\n je 1f\n call never_returns\n 1: mov $39, %eax\n syscall\n ret")
