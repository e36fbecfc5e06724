// System calls that Swift cannot make: syscall(2) is variadic, and some have no wrapper in glibc.
// Each returns what the system call returns, or -errno.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <linux/openat2.h>
#include <linux/sched.h>

static inline long clinux_result(long result) { return result < 0 ? -(long)errno : result; }

/// clone3(2) as fork: 0 in the child. `cgroup_fd` < 0: none. `exit_signal`: SIGCHLD or 0. `pidfd` may be null.
static inline long clinux_clone3(uint64_t flags, int exit_signal, int cgroup_fd, int *pidfd) {
  struct clone_args args = {0};
  args.flags = flags;
  args.exit_signal = (uint64_t)exit_signal;
  if (cgroup_fd >= 0) args.cgroup = (uint64_t)cgroup_fd;
  if (pidfd) args.pidfd = (uint64_t)(uintptr_t)pidfd;
  return clinux_result(syscall(SYS_clone3, &args, sizeof args));
}

/// openat2(2).
static inline long clinux_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return clinux_result(syscall(SYS_openat2, dirfd, path, &how, sizeof how));
}

/// pivot_root(2).
static inline long clinux_pivot_root(const char *new_root, const char *put_old) {
  return clinux_result(syscall(SYS_pivot_root, new_root, put_old));
}
