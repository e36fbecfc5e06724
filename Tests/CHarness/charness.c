#define _GNU_SOURCE
#include "charness.h"

#include <errno.h>
#include <stddef.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

int charness_spawn(const char *path, char *const argv[], char *const envp[], const char *cwd, const int *fds, int count,
                   const char *terminal) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A session of its own: what a terminal or a shell sends to the tests' group does not reach it.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  // First out of each other's way, then into place.
  const int far = 500;
  for (int i = 0; i < count; i++) posix_spawn_file_actions_adddup2(&actions, fds[i], far + i);
  for (int i = 0; i < count; i++) posix_spawn_file_actions_adddup2(&actions, far + i, i);
  if (terminal) {
    posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    if (count < 3) count = 3;
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, count);
  if (cwd) posix_spawn_file_actions_addchdir_np(&actions, cwd);
  pid_t pid = 0;
  int error = posix_spawn(&pid, path, &actions, &attributes, argv, envp);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error ? -error : pid;
}

struct spawning {
  const char *path, *cwd, *terminal;
  char *const *argv, *const *envp;
  const int *fds;
  int count, result;
};

// A filter belongs to its thread and to what that one starts.
static void *spawn_filtered(void *argument) {
  struct spawning *s = argument;
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) s->result = -errno;
  else s->result = charness_spawn(s->path, s->argv, s->envp, s->cwd, s->fds, s->count, s->terminal);
  return NULL;
}

int charness_spawn_without_clone3(const char *path, char *const argv[], char *const envp[], const char *cwd,
                                  const int *fds, int count, const char *terminal) {
  struct spawning s = {path, cwd, terminal, argv, envp, fds, count, -EAGAIN};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, spawn_filtered, &s);
  if (error) return -error;
  pthread_join(thread, NULL);
  return s.result;
}

int charness_exchange(const char *a, const char *b) {
  return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0 ? -errno : 0;
}

struct charness_swapper {
  char *a, *b;
  atomic_bool stop;
  long count;
  pthread_t thread;
};

static void *swap(void *argument) {
  struct charness_swapper *swapper = argument;
  while (!atomic_load_explicit(&swapper->stop, memory_order_relaxed))
    if (renameat2(AT_FDCWD, swapper->a, AT_FDCWD, swapper->b, RENAME_EXCHANGE) == 0) swapper->count++;
  return NULL;
}

struct charness_swapper *charness_swapper_start(const char *a, const char *b) {
  struct charness_swapper *swapper = calloc(1, sizeof *swapper);
  if (!swapper) return NULL;
  swapper->a = strdup(a);
  swapper->b = strdup(b);
  if (swapper->a && swapper->b && pthread_create(&swapper->thread, NULL, swap, swapper) == 0) return swapper;
  free(swapper->a);
  free(swapper->b);
  free(swapper);
  return NULL;
}

long charness_swapper_stop(struct charness_swapper *swapper) {
  atomic_store(&swapper->stop, true);
  pthread_join(swapper->thread, NULL);
  long count = swapper->count;
  free(swapper->a);
  free(swapper->b);
  free(swapper);
  return count;
}

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(4 * sizeof(int))];
};

int charness_send_fd(int socket, int fd) {
  union control control = {0};
  struct iovec part = {.iov_base = "x", .iov_len = 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = CMSG_SPACE(sizeof(int))};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int charness_receive_fd(int socket, void *buffer, size_t *size) {
  union control control = {0};
  struct iovec part = {.iov_base = buffer, .iov_len = *size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof control};
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return -errno;
  *size = (size_t)got;
  int first = -ENOMSG;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      if (first < 0) first = fd;
      else close(fd);
    }
  }
  return first;
}

int charness_open_terminal(char *slave) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return -errno;
  if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, slave, 64) != 0) {
    int error = errno;
    close(master);
    return -error;
  }
  return master;
}

int charness_set_window(int terminal, int rows, int columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int charness_packet_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC | O_DIRECT) < 0) return -errno;
  return fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0 ? -errno : 0;
}

int charness_memfd(const char *name) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int charness_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0; }
