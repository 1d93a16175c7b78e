// SPDX-License-Identifier: Apache-2.0
// A library that the test program opens by name.
void opened_entry(void) { __asm__ volatile("mov $170, %%eax\n syscall" ::: "rax", "rcx", "r11", "memory"); }
