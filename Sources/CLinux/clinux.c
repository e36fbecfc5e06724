#define _GNU_SOURCE
#include "clinux.h"
#include "calls.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

_Noreturn void clinux_serve_folder(int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  int answer = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (answer < 0) answer = -errno;
  if (write(pipe, &answer, sizeof answer) != sizeof answer) _exit(1);
  for (;;) pause();
}

static int argument_count;
static char **arguments;

// glibc hands main's arguments to constructors. Swift's CommandLine looks for them in /proc/self/maps.
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}

int clinux_argument_count(void) { return argument_count; }
char **clinux_arguments(void) { return arguments; }
