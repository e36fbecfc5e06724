// The first instructions of drydock-runc, before the C library and Swift's runtime begin their work.
//
// `create`, `run` and `exec` must be executed from a read-only mount (CVE-2019-5736), and mostly are not: then the binary
// is executed once more, from a read-only clone of its mount. Done here, the first execution costs a tenth of what a
// whole start of the C library and Swift's runtime costs. Whatever does not succeed here is tried again, more
// thoroughly and with words, by LinuxKernel.protectExecutable: that is where it is made sure of.
//
// Nothing may be called and nothing written but the stack: there are no thread-locals, and nothing is relocated yet.
#include "guard.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>

#define QUIET __attribute__((no_stack_protector))

QUIET static inline long call(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
  return -1;
#endif
}

QUIET static inline int equal(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

/// fstatfs(2) f_flags has ST_RDONLY.
QUIET static inline int is_read_only(long file) {
  // struct statfs of 64-bit machines: f_flags is the eleventh word.
  volatile long info[32];
  return call(SYS_fstatfs, file, (long)info, 0, 0, 0) == 0 && (info[10] & 1);
}

/// `stack`: argc, argv, a null, the environment, a null.
__attribute__((used)) QUIET void drydock_guard(long *stack) {
  long count = stack[0];
  char **arguments = (char **)(stack + 1);
  char **environment = arguments + count + 1;
  int makes_processes = 0;
  for (long index = 1; index < count; index++) {
    const char *word = arguments[index];
    if (equal(word, "run") || equal(word, "create") || equal(word, "exec")) makes_processes = 1;
  }
  if (!makes_processes) return;
  static const char path[] = "/proc/self/exe";
  long file = call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0);
  if (file < 0) return;
  const long get_seals = 1034, seal_write = 8;
  long seals = call(SYS_fcntl, file, get_seals, 0, 0, 0);
  if (!is_read_only(file) && (seals < 0 || !(seals & seal_write))) {
    const long open_tree_clone = 1, at_empty_path = 0x1000, read_only = 1;
    long tree = call(SYS_open_tree, AT_FDCWD, (long)path, open_tree_clone | O_CLOEXEC, 0, 0);
    if (tree >= 0) {
      // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
      volatile long attributes[4];
      attributes[0] = read_only;
      attributes[1] = attributes[2] = attributes[3] = 0;
      volatile char empty[1];
      empty[0] = 0;
      if (call(SYS_mount_setattr, tree, (long)empty, at_empty_path, (long)attributes, 32) == 0 && is_read_only(tree))
        call(SYS_execveat, tree, (long)empty, (long)arguments, (long)environment, at_empty_path);
      call(SYS_close, tree, 0, 0, 0, 0);
    }
  }
  call(SYS_close, file, 0, 0, 0, 0);
}

// Stack and registers are as the kernel, or the dynamic linker, has left them, when _start takes over.
#if defined(__x86_64__)
__asm__(
    ".text\n.globl drydock_start\n.type drydock_start,@function\ndrydock_start:\n"
    "  endbr64\n"
    "  movq %rdx, %r12\n"
    "  movq %rsp, %rbx\n"
    "  movq %rsp, %rdi\n"
    "  xorl %ebp, %ebp\n"
    "  andq $-16, %rsp\n"
    "  call drydock_guard\n"
    "  movq %rbx, %rsp\n"
    "  movq %r12, %rdx\n"
    "  jmp _start\n");
#elif defined(__aarch64__)
__asm__(
    ".text\n.globl drydock_start\n.type drydock_start,%function\ndrydock_start:\n"
    "  mov x19, sp\n"
    "  mov x20, x0\n"
    "  mov x0, sp\n"
    "  mov x29, #0\n"
    "  bl drydock_guard\n"
    "  mov sp, x19\n"
    "  mov x0, x20\n"
    "  b _start\n");
#endif
