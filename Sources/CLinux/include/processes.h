// What making, awaiting and talking to processes takes: structures with unions, control messages, shared counters.
#pragma once
#include "clinux.h"
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/// waitid(2). `code` (CLD_EXITED, CLD_KILLED, CLD_DUMPED) and `status` are filled in. The pid, or 0 when WNOHANG found
/// nobody.
static inline long clinux_waitid(int type, int id, int options, int *code, int *status) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  long result = clinux_result(syscall(SYS_waitid, type, id, &info, options, 0));
  if (result < 0) return result;
  *code = info.si_code;
  *status = info.si_status;
  return info.si_pid;
}

/// rt_sigprocmask(2) with all 64 signals; glibc's keeps two for itself.
static inline long clinux_signal_mask(int how, uint64_t set, uint64_t *old) {
  return clinux_result(syscall(SYS_rt_sigprocmask, how, &set, old, sizeof set));
}

/// Every signal gets its default action: after a clone, ignored ones would stay ignored in the program.
static inline void clinux_reset_signals(void) {
  struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } action;
  memset(&action, 0, sizeof action);
  for (int signal = 1; signal <= 64; signal++) syscall(SYS_rt_sigaction, signal, &action, 0, sizeof action.mask);
}

/// signalfd4(2).
static inline long clinux_signalfd(uint64_t set, int flags) {
  return clinux_result(syscall(SYS_signalfd4, -1, &set, sizeof set, flags));
}

/// sendmsg(2) with one descriptor (none if < 0). Never raises SIGPIPE.
static inline long clinux_send(int socket, const void *data, size_t count, int descriptor) {
  struct iovec part = {(void *)data, count};
  union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.space;
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  return clinux_result(sendmsg(socket, &message, MSG_NOSIGNAL));
}

/// recvmsg(2); `descriptor` is -1 when none came. Descriptors are close-on-exec.
static inline long clinux_receive(int socket, void *data, size_t count, int *descriptor, int flags) {
  struct iovec part = {data, count};
  union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  *descriptor = -1;
  long result = clinux_result(recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC));
  if (result < 0) return result;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
      && header->cmsg_len == CMSG_LEN(sizeof(int)))
    memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
  return result;
}

/// A number in memory that processes share: one more, and what it is then.
static inline uint64_t clinux_increment(uint64_t *number) { return __atomic_add_fetch(number, 1, __ATOMIC_SEQ_CST); }
/// A lock in shared memory: 1 when it was taken.
static inline int clinux_try_lock(uint32_t *lock) {
  uint32_t open = 0;
  return __atomic_compare_exchange_n(lock, &open, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
static inline void clinux_unlock(uint32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

/// The program's own arguments, as the kernel has given them to it.
int clinux_argument_count(void);
char **clinux_arguments(void);

/// environ(7).
extern char **environ;
static inline char **clinux_environment(void) { return environ; }
