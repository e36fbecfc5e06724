// Any system call by its number, for Swift: syscall(2) is variadic. Numbers are SYS_… of <sys/syscall.h>.
#pragma once
#include "clinux.h"

/// syscall(2): what the call returns, or -errno. Addresses are passed as numbers.
static inline long clinux_call(long number, long a, long b, long c, long d, long e, long f) {
  return clinux_result(syscall(number, a, b, c, d, e, f));
}

/// The child of `userNamespace`: opens /proc/self in the table of descriptors that it shares with its parent, tells the
/// number (or -errno) through `pipe`, and sleeps until it is killed.
_Noreturn void clinux_serve_folder(int pipe);

/// connect(2) to a socket of the file system: 0 or -errno. A path too long for sockaddr_un goes by its folder.
long clinux_connect_unix(int socket, const char *path);
/// sendmsg(2): all of `bytes`, the first of them with a descriptor (SCM_RIGHTS). 0 or -errno.
long clinux_send_fd(int socket, const void *bytes, size_t count, int descriptor);
