// SPDX-License-Identifier: Apache-2.0
// A library that is opened by one that was opened, and that knew its functions before.
void late_entry(void) { __asm__ volatile("mov $171, %%eax\n syscall" ::: "rax", "rcx", "r11", "memory"); }
void late_wrapper(long number) {
  __asm__ volatile("syscall" : "+a"(number)::"rcx", "r11", "memory");
}
