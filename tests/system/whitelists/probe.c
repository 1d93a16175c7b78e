// SPDX-License-Identifier: Apache-2.0
// Makes each call named by its number on the command line and prints how it ended: "NUMBER ERRNO", 0 if it succeeded.
// Arguments no call can use: a call that passes the filter fails with another errno than the filter's.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  setvbuf(stdout, NULL, _IONBF, 0);
  for (int i = 1; i < argc; i++) {
    long number = atol(argv[i]);

    errno = 0;
    syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
    printf("%ld %d\n", number, errno);
  }
  return 0;
}
