// SPDX-License-Identifier: Apache-2.0
// Stands for libguard_preload.so in tests of the door: notes each start of a program, guards nothing.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((visibility("default"))) long libguard_serving(void)
{
  return 1;
}

static const char *value(const char *name)
{
  const char *text = getenv(name);
  return text ? text : "-";
}

__attribute__((constructor)) static void start(void)
{
  char line[4096];
  const char *log = getenv("FAKE_CLIENT_LOG");
  int file = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
  if (file < 0)
    return;
  snprintf(line, sizeof line, "%d policy=%s profile=%s mode=%s events=%s app=%s\n", (int)getpid(), value("LIBGUARD_POLICY"),
           value("LIBGUARD_PROFILE"), value("LIBGUARD_MODE"), value("LIBGUARD_EVENTS"), value("LIBGUARD_APP"));
  if (write(file, line, strlen(line)) < 0)
    abort();
  close(file);
}
