// The floor under every OCI runtime: clones into new namespaces, mounts what a container has, changes the root and
// executes a program. No configuration, no cgroup, no capabilities, no state: what is left when all else costs nothing.
//   floor [--all-mounts] ROOTFS PROGRAM [ARGUMENT…]     as `run`
//   floor [--all-mounts] create FIFO PIDFILE ROOTFS PROGRAM [ARGUMENT…]; floor start FIFO; floor delete FIFO PIDFILE
// --all-mounts: what the bundle `spec` asks for beyond the file systems: the hierarchies of cgroups (the host's, for a
// floor has none of its own), masked and read-only paths.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static const char *const readOnly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
static const char *const masked[] = {
  "proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/timer_list", "proc/timer_stats",
  "proc/sched_debug", "sys/firmware", "proc/scsi",
};

// /sys/fs/cgroup: a folder for each hierarchy of v1, or v2 itself.
static void mount_cgroups(void) {
  const unsigned long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;
  DIR *host = opendir("/sys/fs/cgroup");
  if (!host) return;
  if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0) {
    check(mount("cgroup", "sys/fs/cgroup", "cgroup2", safe | MS_RDONLY, NULL), "cgroup2");
    closedir(host);
    return;
  }
  check(mount("tmpfs", "sys/fs/cgroup", "tmpfs", safe, "mode=755"), "cgroups");
  for (struct dirent *entry; (entry = readdir(host));) {
    if (entry->d_name[0] == '.' || entry->d_type != DT_DIR || strcmp(entry->d_name, "unified") == 0) continue;
    char from[300], to[300];
    snprintf(from, sizeof from, "/sys/fs/cgroup/%s", entry->d_name);
    snprintf(to, sizeof to, "sys/fs/cgroup/%s", entry->d_name);
    check(mkdir(to, 0755), to);
    check(mount(from, to, NULL, MS_BIND, NULL), to);
    check(mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | safe | MS_RDONLY, NULL), to);
  }
  closedir(host);
  check(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | safe | MS_RDONLY, NULL), "cgroups");
}

static void cover_paths(void) {
  for (unsigned i = 0; i < sizeof readOnly / sizeof *readOnly; i++) {
    if (mount(readOnly[i], readOnly[i], NULL, MS_BIND | MS_REC, NULL)) continue;
    check(mount(NULL, readOnly[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL), readOnly[i]);
  }
  for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++)
    if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) && errno == ENOTDIR)
      check(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1"), masked[i]);
}

static int start(const char *fifo) {
  char byte;
  int file = open(fifo, O_RDONLY | O_CLOEXEC);
  check(file, fifo);
  check(read(file, &byte, 1), "read");
  check(unlink(fifo), fifo);
  return 0;
}

int main(int argc, char **argv) {
  int all = argc > 1 && strcmp(argv[1], "--all-mounts") == 0;
  if (all) argv++, argc--;
  if (argc < 3) return 125;
  if (strcmp(argv[1], "start") == 0) return start(argv[2]);
  if (strcmp(argv[1], "delete") == 0) return argc > 3 && unlink(argv[3]) == 0 ? 0 : 125;
  int fifo = -1, ready[2] = {-1, -1};
  const char *pidFile = NULL;
  if (strcmp(argv[1], "create") == 0) {
    if (argc < 6) return 125;
    check(mkfifo(argv[2], 0600), argv[2]);
    fifo = open(argv[2], O_PATH | O_CLOEXEC);
    check(fifo, argv[2]);
    check(pipe2(ready, O_CLOEXEC), "pipe");
    pidFile = argv[3];
    argv += 3, argc -= 3;
  }
  struct clone_args how = {
    .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
    .exit_signal = SIGCHLD,
  };
  long child = syscall(SYS_clone3, &how, sizeof how);
  check(child, "clone3");
  if (child > 0 && pidFile) {
    char text[24], byte;
    int file = open(pidFile, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), length = snprintf(text, sizeof text, "%ld", child);
    check(file, pidFile);
    check(write(file, text, (size_t)length), pidFile);
    close(ready[1]);
    return read(ready[0], &byte, 1) == 1 ? 0 : 125;
  }
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
  if (all) mount_cgroups();
  static const struct { const char *path; int major, minor; } devices[] = {
    {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
  };
  umask(0);
  for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++)
    check(mknod(devices[i].path, S_IFCHR | 0666, makedev((unsigned)devices[i].major, (unsigned)devices[i].minor)), devices[i].path);
  check(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
  check(symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
  if (all) cover_paths();
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount");
  check(chdir("/"), "chdir");
  check(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "read-only root");
  check(sethostname("floor", 5), "sethostname");
  if (fifo >= 0) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fifo);
    check(write(ready[1], "0", 1), "ready");
    int file = open(path, O_WRONLY | O_CLOEXEC);
    check(file, "fifo");
    check(write(file, "0", 1), "fifo");
  }
  char *environment[] = {"PATH=/bin", NULL};
  execve(argv[2], argv + 2, environment);
  check(-1, argv[2]);
}
