#define _GNU_SOURCE
#include "clinux.h"
#include "calls.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

_Noreturn void clinux_serve_folder(int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  int answer = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (answer < 0) answer = -errno;
  if (write(pipe, &answer, sizeof answer) != sizeof answer) _exit(1);
  for (;;) pause();
}

long clinux_connect_unix(int socket, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int folder = -1;
  size_t length = strlen(path);
  if (length < sizeof address.sun_path) {
    memcpy(address.sun_path, path, length);
  } else {
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || (size_t)(slash - path) >= PATH_MAX) return -ENAMETOOLONG;
    char parent[PATH_MAX];
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = 0;
    folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -errno;
    int written = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", folder, slash);
    if (written < 0 || (size_t)written >= sizeof address.sun_path) {
      close(folder);
      return -ENAMETOOLONG;
    }
  }
  long result = clinux_result(connect(socket, (struct sockaddr *)&address, sizeof address));
  if (folder >= 0) close(folder);
  return result;
}

long clinux_send_fd(int socket, const void *bytes, size_t count, int descriptor) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  while (part.iov_len > 0) {
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    // The descriptor went with the first byte.
    message.msg_control = NULL;
    message.msg_controllen = 0;
    part.iov_base = (char *)part.iov_base + sent;
    part.iov_len -= (size_t)sent;
  }
  return 0;
}
