// SPDX-License-Identifier: Apache-2.0
// The test program: what it makes the library do is known.
#define CALL(number) __asm__ volatile("mov $" #number ", %%eax\n syscall" ::: "rax", "rcx", "r11", "memory")

struct operations { void (*run)(void); };
extern struct operations copied_object;
void library_uses_interposed(void);
void library_calls_table(int);
void library_takes_callback(void (*)(void));
void library_wraps(long);
void library_tail_call(void);
void indirect_function(void);
void versioned(void);
void* dlopen(const char*, int);

void interposed(void) { CALL(252); }
static void callback(void) { CALL(12); }

int main(int count, char** arguments) {
  (void)arguments;
  library_uses_interposed();
  library_calls_table(count);
  library_takes_callback(callback);
  library_wraps(24);  // sched_yield
  library_tail_call();
  indirect_function();
  versioned();
  copied_object.run();
  return dlopen("libanalysis_opened.so", 2) == 0;
}
