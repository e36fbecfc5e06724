// What Swift cannot say of files: openat(2) is variadic, xattrs and device numbers are missing from Glibc's module.
// Each returns what the system call returns, or -errno.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

// fcntl.h has these for _GNU_SOURCE only, or as expressions that Swift does not read.
static const int CLINUX_O_PATH = 010000000, CLINUX_O_TMPFILE = 020000000 | O_DIRECTORY;

static inline long clinux_files_result(long result) { return result < 0 ? -(long)errno : result; }

/// openat(2).
static inline long clinux_openat(int dirfd, const char *path, int flags, unsigned mode) {
  return clinux_files_result(openat(dirfd, path, flags, mode));
}

/// pipe2(2): ends[0] is read, ends[1] written.
static inline long clinux_pipe2(int *ends, int flags) {
  return clinux_files_result(syscall(SYS_pipe2, ends, flags));
}

/// fsetxattr(2), with flags 0.
static inline long clinux_fsetxattr(int fd, const char *name, const void *value, size_t size) {
  return clinux_files_result(fsetxattr(fd, name, value, size, 0));
}

/// lsetxattr(2), with flags 0.
static inline long clinux_lsetxattr(const char *path, const char *name, const void *value, size_t size) {
  return clinux_files_result(lsetxattr(path, name, value, size, 0));
}

/// fgetxattr(2).
static inline long clinux_fgetxattr(int fd, const char *name, void *value, size_t size) {
  return clinux_files_result(fgetxattr(fd, name, value, size));
}

/// lgetxattr(2).
static inline long clinux_lgetxattr(const char *path, const char *name, void *value, size_t size) {
  return clinux_files_result(lgetxattr(path, name, value, size));
}

/// flistxattr(2).
static inline long clinux_flistxattr(int fd, char *list, size_t size) {
  return clinux_files_result(flistxattr(fd, list, size));
}

/// llistxattr(2).
static inline long clinux_llistxattr(const char *path, char *list, size_t size) {
  return clinux_files_result(llistxattr(path, list, size));
}

/// ioctl(2), FICLONE: the whole of one file shared with another.
static inline long clinux_clone_file(int to, int from) { return clinux_files_result(ioctl(to, _IOW(0x94, 9, int), from)); }

/// copy_file_range(2), from and to the same offset.
static inline long clinux_copy_range(int from, int to, long offset, size_t count) {
  long there = offset;
  return clinux_files_result(syscall(SYS_copy_file_range, from, &offset, to, &there, count, 0));
}

/// Where bytes (or, for `hole`, a hole) begin at or behind `offset`: lseek(2).
static inline long clinux_seek_data(int fd, long offset, int hole) {
  return clinux_files_result(lseek(fd, offset, hole ? 4 : 3));  // SEEK_HOLE, SEEK_DATA
}

/// syncfs(2): the whole file system that a descriptor lies on.
static inline long clinux_syncfs(int fd) { return clinux_files_result(syscall(SYS_syncfs, fd)); }

/// sync_file_range(2), SYNC_FILE_RANGE_WRITE: the kernel begins to write, and nobody waits.
static inline long clinux_begin_writing(int fd, long offset, long count) {
  return clinux_files_result(syscall(SYS_sync_file_range, fd, offset, count, 2));
}

/// Whether an overlay of these folders can be made: fsopen(2) and fsconfig(2), without mounting anything. 0 if so.
static inline long clinux_try_overlay(const char *lower, const char *upper, const char *work, int user_xattr) {
  long fs = syscall(SYS_fsopen, "overlay", 1);  // FSOPEN_CLOEXEC
  if (fs < 0) return clinux_files_result(fs);
  // FSCONFIG_SET_STRING, FSCONFIG_SET_FLAG, FSCONFIG_CMD_CREATE
  long result = syscall(SYS_fsconfig, fs, 1, "lowerdir", lower, 0);
  if (result == 0) result = syscall(SYS_fsconfig, fs, 1, "upperdir", upper, 0);
  if (result == 0) result = syscall(SYS_fsconfig, fs, 1, "workdir", work, 0);
  if (result == 0 && user_xattr) result = syscall(SYS_fsconfig, fs, 0, "userxattr", NULL, 0);
  if (result == 0) result = syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0);
  result = clinux_files_result(result);
  close((int)fs);
  return result;
}

/// strerrordesc_np(3): the words for an errno, or null. No locale, no buffer.
const char *strerrordesc_np(int);
static inline const char *clinux_strerror(int number) { return strerrordesc_np(number); }

static inline unsigned long clinux_makedev(unsigned major_number, unsigned minor_number) {
  return makedev(major_number, minor_number);
}
static inline unsigned clinux_major(unsigned long device) { return major(device); }
static inline unsigned clinux_minor(unsigned long device) { return minor(device); }
