// SPDX-License-Identifier: Apache-2.0
// What LD_PRELOAD poisoning brings into a child: makes the file that VICTIM_MARKER names.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void leave_marker(void)
{
  const char *path = getenv("VICTIM_MARKER");
  if (path != NULL) {
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file >= 0)
      close(file);
  }
}
