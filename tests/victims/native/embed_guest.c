// SPDX-License-Identifier: Apache-2.0
/* A program of its own that holds a Python interpreter, as uwsgi and gdb do: makes calls before, beside and after it.
 *
 * Way:     events -> *stack*: where no Python frame stands, the program itself does.
 * Thread:  one.
 * Failure: what was refused is told by name; exit code 1.
 *
 * Usage: embed_guest MODULE. Its calls are a unix socket and a fork, before the interpreter starts and with it; then it
 * imports MODULE, which does its own work, and ends.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of libpython; the headers are not needed for these. */
void Py_Initialize(void);
int Py_FinalizeEx(void);
void *PyImport_ImportModule(const char *name);
void PyErr_Print(void);

static int g_refused;

static void expect(const char *what, int worked)
{
  if (worked)
    return;
  g_refused = 1;
  printf("refused: %s\n", what);
}

static void works(const char *when)
{
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  pid_t child;

  printf("%s\n", when);
  expect("socket", fd >= 0);
  close(fd);
  fflush(stdout);
  child = fork();
  if (child == 0)
    _exit(0);
  expect("fork", child > 0 && waitpid(child, NULL, 0) == child);
}

int main(int argc, char **argv)
{
  if (argc != 2)
    return 2;
  works("before the interpreter");
  Py_Initialize();
  works("beside the interpreter");
  if (!PyImport_ImportModule(argv[1])) {
    PyErr_Print();
    expect("module", 0);
  }
  works("after the module");
  Py_FinalizeEx();
  return g_refused;
}
