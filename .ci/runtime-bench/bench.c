// What OCI runtimes cost, measured side by side: in every round each runtime has its turn, so that what else the
// machine does falls on all alike.
//   bench ROUNDS WORK NAME=PATH…     WORK has the bundles spec/, docker/ and sleep/, and rootfs/
// Each runtime has a worker, a process small enough not to show in the figures; the worker of crun has a mount
// namespace without /sys/fs/cgroup/unified (crun of Debian 12 refuses hybrid hosts). Times are wall time from before
// vfork to after wait4.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most = 8, mostRounds = 5000, callers = 8, crowd = 200 };
enum part { runSpec, runDocker, life, lifeCreate, lifeStart, lifeDelete, execTrue, parts };
static const char *const titles[parts] = {
  "run true (runc spec)", "run true (docker's config)", "create + start + delete", "  create", "  start", "  delete", "exec true",
};
struct answer { double ms[parts], cpu[parts]; long rss; int failed; };
struct runtime { const char *name, *path; char root[256]; int isFloor, all, to, from; double ms[parts][mostRounds], cpu[parts][mostRounds]; int count[parts]; long rss; int failed; int crowdFailed; double crowdMs; };
static struct runtime runtimes[most];
static int runtimesCount;
static const char *work;
static char environment0[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static char *environment[] = {environment0, NULL};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}
static void give_up(const char *what) { perror(what); exit(1); }

// Runs it to its end; the time in ms. What it says goes to WORK/said, read when it fails.
static double spawn(char *const argv[], long *rss, int *failed, double *cpu) {
  double before = now();
  pid_t pid = vfork();
  if (pid == 0) {
    execve(argv[0], argv, environment);
    _exit(127);
  }
  if (pid < 0) give_up("vfork");
  int status;
  struct rusage usage;
  while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {}
  double took = now() - before;
  if (usage.ru_maxrss > *rss) *rss = usage.ru_maxrss;
  *cpu += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
  if (status != 0) (*failed)++;
  return took;
}
// Part p of answer a.
#define SPAWN(a, p, ...) spawn((char *[]){__VA_ARGS__, NULL}, &(a)->rss, &(a)->failed, &(a)->cpu[p])

static void bundle(char *out, size_t size, const char *name) { snprintf(out, size, "%s/%s", work, name); }

// One container from create to delete. Between start and delete the program ends; that wait is no runtime's.
static void one_life(const struct runtime *r, const char *id, struct answer *a) {
  char b[256], pidFile[300];
  bundle(b, sizeof b, "spec");
  snprintf(pidFile, sizeof pidFile, "%s/%s.pid", r->root, id);
  char *path = (char *)r->path, *root = (char *)r->root, *name = (char *)id;
  char fifo[300];
  snprintf(fifo, sizeof fifo, "%s/%s.fifo", r->root, id);
  if (r->isFloor) {
    bundle(b, sizeof b, "rootfs");
    a->ms[lifeCreate] = r->all ? SPAWN(a, lifeCreate, path, "--all-mounts", "create", fifo, pidFile, b, "/bin/true")
                               : SPAWN(a, lifeCreate, path, "create", fifo, pidFile, b, "/bin/true");
    a->ms[lifeStart] = SPAWN(a, lifeStart, path, "start", fifo);
  } else {
    a->ms[lifeCreate] = SPAWN(a, lifeCreate, path, "--root", root, "create", "--bundle", b, "--pid-file", pidFile, name);
    a->ms[lifeStart] = SPAWN(a, lifeStart, path, "--root", root, "start", name);
  }
  FILE *f = fopen(pidFile, "r");
  int pid = 0;
  if (!f || fscanf(f, "%d", &pid) != 1) a->failed++;
  if (f) fclose(f);
  if (!r->isFloor) unlink(pidFile);
  // The worker is a subreaper: the container's process is now its child.
  if (pid > 0) {
    int status;
    if (a->failed) kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) == pid && status != 0) a->failed++;
  }
  a->ms[lifeDelete] = r->isFloor ? SPAWN(a, lifeDelete, path, "delete", fifo, pidFile)
                                 : SPAWN(a, lifeDelete, path, "--root", root, "delete", name);
  if (a->failed && !r->isFloor) SPAWN(a, lifeDelete, path, "--root", root, "delete", "--force", name);
  a->cpu[life] = a->cpu[lifeCreate] + a->cpu[lifeStart] + a->cpu[lifeDelete];
  a->ms[life] = a->ms[lifeCreate] + a->ms[lifeStart] + a->ms[lifeDelete];
  while (waitpid(-1, NULL, WNOHANG) > 0) {}
}

static void one_run(const struct runtime *r, const char *id, enum part part, struct answer *a) {
  char b[256];
  bundle(b, sizeof b, r->isFloor ? "rootfs" : part == runSpec ? "spec" : "docker");
  char *path = (char *)r->path;
  a->ms[part] = r->all       ? SPAWN(a, part, path, "--all-mounts", b, "/bin/true")
                : r->isFloor ? SPAWN(a, part, path, b, "/bin/true")
                             : SPAWN(a, part, path, "--root", (char *)r->root, "run", "--bundle", b, (char *)id);
}

// Crowd: 8 callers, 25 containers each, by turns with run.
static void crowd_of(const struct runtime *r, struct answer *a) {
  double before = now();
  pid_t pids[callers];
  int channel[2];
  if (pipe(channel)) give_up("pipe");
  for (int c = 0; c < callers; c++) {
    pids[c] = fork();
    if (pids[c] == 0) {
      prctl(PR_SET_CHILD_SUBREAPER, 1);
      struct answer mine = {0};
      for (int i = 0; i < crowd / callers; i++) {
        char id[64];
        snprintf(id, sizeof id, "crowd-%s-%d-%d", r->name, c, i);
        struct answer single = {0};
        one_life(r, id, &single);
        if (single.failed) mine.failed++;
        if (single.rss > mine.rss) mine.rss = single.rss;
      }
      if (write(channel[1], &mine, sizeof mine) != sizeof mine) _exit(1);
      _exit(0);
    }
  }
  for (int c = 0; c < callers; c++) {
    struct answer theirs;
    if (read(channel[0], &theirs, sizeof theirs) != sizeof theirs) { a->failed += crowd / callers; continue; }
    a->failed += theirs.failed;
    if (theirs.rss > a->rss) a->rss = theirs.rss;
  }
  for (int c = 0; c < callers; c++) waitpid(pids[c], NULL, 0);
  close(channel[0]), close(channel[1]);
  a->ms[0] = now() - before;
}

static void worker(const struct runtime *r, int in, int out) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // the workers hold each other's pipes: none of them would hear of its end
  if (strcmp(r->name, "crun") == 0 && access("/sys/fs/cgroup/unified", F_OK) == 0) {
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) give_up("unshare");
    umount2("/sys/fs/cgroup/unified", MNT_DETACH);
  }
  int null = open("/dev/null", O_RDWR), said = open("/dev/null", O_WRONLY);
  if (getenv("BENCH_SAYS")) said = dup(2);
  dup2(null, 0), dup2(said, 1), dup2(said, 2);
  fcntl(in, F_SETFD, FD_CLOEXEC), fcntl(out, F_SETFD, FD_CLOEXEC);
  char command, id[64], name[64];
  unsigned serial = 0;
  snprintf(name, sizeof name, "bench-exec-%s", r->name);
  while (read(in, &command, 1) == 1) {
    struct answer a = {0};
    snprintf(id, sizeof id, "bench-%s-%u", r->name, serial++);
    switch (command) {
    case 's': one_run(r, id, runSpec, &a); break;
    case 'd': one_run(r, id, runDocker, &a); break;
    case 'l': one_life(r, id, &a); break;
    case 'u': { // up: what exec goes into
      char b[256];
      bundle(b, sizeof b, "sleep");
      SPAWN(&a, execTrue, (char *)r->path, "--root", (char *)r->root, "run", "--detach", "--bundle", b, name);
      break;
    }
    case 'e': a.ms[execTrue] = SPAWN(&a, execTrue, (char *)r->path, "--root", (char *)r->root, "exec", name, "/bin/true"); break;
    case 'x': SPAWN(&a, execTrue, (char *)r->path, "--root", (char *)r->root, "delete", "--force", name); break;
    case 'c': crowd_of(r, &a); break;
    default: break;
    }
    if (write(out, &a, sizeof a) != sizeof a) _exit(1);
  }
  _exit(0);
}

static struct answer ask(struct runtime *r, char command) {
  struct answer a = {0};
  if (write(r->to, &command, 1) != 1 || read(r->from, &a, sizeof a) != sizeof a) give_up(r->name);
  if (a.rss > r->rss) r->rss = a.rss;
  r->failed += a.failed;
  return a;
}
static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}
static double quantile(struct runtime *r, enum part p, double q) {
  int n = r->count[p];
  if (n == 0) return 0;
  return r->ms[p][(int)(q * (n - 1) + 0.5)];
}
static struct runtime *named(const char *name) {
  for (int i = 0; i < runtimesCount; i++)
    if (strcmp(runtimes[i].name, name) == 0) return &runtimes[i];
  return NULL;
}
// "1.23" or "-": how many times what `other` takes.
static const char *ratio(double mine, double other, char *out) {
  if (mine <= 0 || other <= 0) strcpy(out, "-");
  else snprintf(out, 16, "%.2f", mine / other);
  return out;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int rounds = atoi(argv[1]);
  if (rounds < 5) rounds = 5;
  if (rounds > mostRounds) rounds = mostRounds;
  work = argv[2];
  for (int i = 3; i < argc && runtimesCount < most; i++) {
    struct runtime *r = &runtimes[runtimesCount++];
    r->name = strtok(argv[i], "=");
    r->path = strtok(NULL, "");
    r->isFloor = strncmp(r->name, "floor", 5) == 0;
    r->all = strcmp(r->name, "floor-all") == 0;
    snprintf(r->root, sizeof r->root, "/run/drydock-bench-%d-%s", getpid(), r->name);
    mkdir(r->root, 0700);
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) give_up("pipe");
    pid_t pid = fork();
    if (pid == 0) worker(r, to[0], from[1]);
    close(to[0]), close(from[1]);
    r->to = to[1], r->from = from[0];
  }
  // Two rounds of warming up, which do not count.
  for (int round = -2; round < rounds; round++)
    for (int turn = 0; turn < runtimesCount; turn++) {
      struct runtime *r = &runtimes[(turn + round + 2) % runtimesCount];
      struct answer all = {0}, a = ask(r, 's');
      all.ms[runSpec] = a.ms[runSpec], all.cpu[runSpec] = a.cpu[runSpec];
      if (!r->isFloor) {
        a = ask(r, 'd');
        all.ms[runDocker] = a.ms[runDocker], all.cpu[runDocker] = a.cpu[runDocker];
      }
      {
        a = ask(r, 'l');
        for (int p = life; p <= lifeDelete; p++) all.ms[p] = a.ms[p], all.cpu[p] = a.cpu[p];
      }
      if (round >= 0)
        for (int p = 0; p < execTrue; p++)
          if (all.ms[p] > 0) r->cpu[p][r->count[p]] = all.cpu[p], r->ms[p][r->count[p]++] = all.ms[p];
    }
  for (int i = 0; i < runtimesCount; i++) if (!runtimes[i].isFloor) ask(&runtimes[i], 'u');
  for (int round = 0; round < rounds; round++)
    for (int turn = 0; turn < runtimesCount; turn++) {
      struct runtime *r = &runtimes[(turn + round) % runtimesCount];
      if (r->isFloor) continue;
      struct answer a = ask(r, 'e');
      r->cpu[execTrue][r->count[execTrue]] = a.cpu[execTrue], r->ms[execTrue][r->count[execTrue]++] = a.ms[execTrue];
    }
  for (int i = 0; i < runtimesCount; i++) if (!runtimes[i].isFloor) ask(&runtimes[i], 'x');
  for (int i = 0; i < runtimesCount; i++) {
    struct runtime *r = &runtimes[i];
    int before = r->failed;
    r->crowdMs = ask(r, 'c').ms[0];
    r->crowdFailed = r->failed - before;
  }

  struct runtime *floorOne = named("floor"), *floorAll = named("floor-all"), *crun = named("crun"), *runc = named("runc");
  printf("%-28s %-14s %8s %8s %8s %8s %8s %8s   (%d rounds, ms)\n", "", "", "p50", "p95", "cpu p50", "/ crun", "/ runc", "/ floor", rounds);
  for (int p = 0; p < parts; p++)
    for (int i = 0; i < runtimesCount; i++)
      qsort(runtimes[i].ms[p], (size_t)runtimes[i].count[p], sizeof(double), ascending),
        qsort(runtimes[i].cpu[p], (size_t)runtimes[i].count[p], sizeof(double), ascending);
  char a[16], b[16], c[16];
  for (int p = 0; p < parts; p++) {
    int first = 1;
    for (int i = 0; i < runtimesCount; i++) {
      struct runtime *r = &runtimes[i];
      if (r->count[p] == 0) continue;
      double m = quantile(r, p, 0.5);
      printf("%-28s %-14s %8.2f %8.2f %8.2f %8s %8s %8s\n", first ? titles[p] : "", r->name, m, quantile(r, p, 0.95), r->cpu[p][r->count[p] / 2],
        ratio(m, crun ? quantile(crun, p, 0.5) : 0, a), ratio(m, runc ? quantile(runc, p, 0.5) : 0, b),
        ratio(m, floorOne ? quantile(floorOne, p == runSpec || p == runDocker ? runSpec : p, 0.5) : 0, c));
      first = 0;
    }
  }
  printf("\n%-28s %-14s %8s %8s   %s\n", "", "", "ms", "failed", "containers a second");
  for (int i = 0; i < runtimesCount; i++)
    printf("%-28s %-14s %8.0f %8d   %.0f\n", i ? "" : "200 containers, 8 callers", runtimes[i].name, runtimes[i].crowdMs, runtimes[i].crowdFailed,
      crowd * 1000.0 / runtimes[i].crowdMs);
  printf("\n%-28s %-14s %8s %8s\n", "", "", "MiB", "failed");
  int wrong = 0;
  for (int i = 0; i < runtimesCount; i++) {
    printf("%-28s %-14s %8.1f %8d\n", i ? "" : "peak memory; calls failed", runtimes[i].name, (double)runtimes[i].rss / 1024, runtimes[i].failed);
    if (strcmp(runtimes[i].name, "drydock-runc") == 0) wrong = runtimes[i].failed;
    rmdir(runtimes[i].root);
  }
  struct runtime *ours = named("drydock-runc");
  if (ours) {
    printf("\ngoals of drydock-runc        %-26s %8s %8s\n", "", "is", "goal");
    struct { const char *what; double is, goal; } goals[] = {
      {"run / crun", crun ? quantile(ours, runSpec, 0.5) / quantile(crun, runSpec, 0.5) : 0, 1.0},
      {"run / runc", runc ? quantile(ours, runSpec, 0.5) / quantile(runc, runSpec, 0.5) : 0, 0.5},
      {"run / floor", floorOne ? quantile(ours, runSpec, 0.5) / quantile(floorOne, runSpec, 0.5) : 0, 2.0},
      {"run / floor, all mounts", floorAll ? quantile(ours, runSpec, 0.5) / quantile(floorAll, runSpec, 0.5) : 0, 2.0},
      {"create+start+delete / floor", floorOne ? quantile(ours, life, 0.5) / quantile(floorOne, life, 0.5) : 0, 2.0},
      {"  floor, all mounts", floorAll ? quantile(ours, life, 0.5) / quantile(floorAll, life, 0.5) : 0, 2.0},
      {"create+start+delete / crun", crun ? quantile(ours, life, 0.5) / quantile(crun, life, 0.5) : 0, 1.0},
      {"create+start+delete / runc", runc ? quantile(ours, life, 0.5) / quantile(runc, life, 0.5) : 0, 0.5},
      {"peak memory, MB", (double)ours->rss * 1024 / 1e6, 10.0},
      {"failures", ours->failed, 0.0},
    };
    for (unsigned i = 0; i < sizeof goals / sizeof *goals; i++)
      printf("%-28s %-26s %8.2f %8.2f   %s\n", "", goals[i].what, goals[i].is, goals[i].goal,
        goals[i].is <= goals[i].goal ? "met" : "MISSED");
  }
  return wrong ? 1 : 0;
}
