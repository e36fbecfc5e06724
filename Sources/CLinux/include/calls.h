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
