// SPDX-License-Identifier: Apache-2.0
// A library that the test program opens by name. It needs what yet another one defines, which it opens itself.
extern void late_entry(void);
extern void late_wrapper(long number);
extern void* dlopen(const char* name, int flags);

void opened_entry(void) { __asm__ volatile("mov $170, %%eax\n syscall" ::: "rax", "rcx", "r11", "memory"); }
int opened_opens(void) { return dlopen("libanalysis_late.so", 0x102) == 0; }
void opened_calls_late(void) {
  late_entry();
  late_wrapper(172);
}
