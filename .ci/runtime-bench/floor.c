// The floor under every OCI runtime: clones into new namespaces, mounts what a container has, changes the root and
// executes a program. No configuration, no cgroup, no capabilities, no state: what is left when all else costs nothing.
//   floor ROOTFS PROGRAM [ARGUMENT…]
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(long result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  _exit(125);
}

int main(int argc, char **argv) {
  if (argc < 3) return 125;
  struct clone_args how = {
    .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
    .exit_signal = SIGCHLD,
  };
  long child = syscall(SYS_clone3, &how, sizeof how);
  check(child, "clone3");
  if (child > 0) {
    int status;
    while (waitpid((pid_t)child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  check(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "slave");
  check(mount(argv[1], argv[1], NULL, MS_BIND | MS_REC, NULL), "bind root");
  check(chdir(argv[1]), "chdir");
  unsigned long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;
  check(mount("proc", "proc", "proc", safe, NULL), "proc");
  check(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "dev");
  check(mkdir("dev/pts", 0755), "dev/pts");
  check(mkdir("dev/shm", 01777), "dev/shm");
  check(mkdir("dev/mqueue", 01777), "dev/mqueue");
  check(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"), "devpts");
  check(mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=65536k"), "shm");
  check(mount("mqueue", "dev/mqueue", "mqueue", safe, NULL), "mqueue");
  check(mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, NULL), "sysfs");
  static const struct { const char *path; int major, minor; } devices[] = {
    {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
  };
  umask(0);
  for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++)
    check(mknod(devices[i].path, S_IFCHR | 0666, makedev((unsigned)devices[i].major, (unsigned)devices[i].minor)), devices[i].path);
  check(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
  check(symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount");
  check(chdir("/"), "chdir");
  check(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "read-only root");
  check(sethostname("floor", 5), "sethostname");
  char *environment[] = {"PATH=/bin", NULL};
  execve(argv[2], argv + 2, environment);
  check(-1, argv[2]);
}
