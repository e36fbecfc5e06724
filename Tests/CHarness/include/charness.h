// What the tests of real containers need of Linux and Swift cannot say. Each returns -errno when it fails.
#pragma once
#include <sys/types.h>

/// Starts `path` with `fds[i]` as descriptor i and no other descriptor, in `cwd` (null: here). A `terminal` (path of the
/// slave, or null) becomes descriptors 0 to 2 and the controlling terminal of a new session. The pid.
int charness_spawn(const char *path, char *const argv[], char *const envp[], const char *cwd, const int *fds, int count,
                   const char *terminal);

/// The same behind a seccomp filter that answers ENOSYS to clone3. Needs CAP_SYS_ADMIN.
int charness_spawn_without_clone3(const char *path, char *const argv[], char *const envp[], const char *cwd,
                                  const int *fds, int count, const char *terminal);

/// Swaps two names (renameat2 RENAME_EXCHANGE).
int charness_exchange(const char *a, const char *b);

/// Swaps two names in a thread of its own, as fast as it can, until stopped. Null when no thread could be had.
struct charness_swapper;
struct charness_swapper *charness_swapper_start(const char *a, const char *b);
/// Stops it, frees it; how often it swapped.
long charness_swapper_stop(struct charness_swapper *swapper);

/// Sends `fd` with one byte over a unix socket.
int charness_send_fd(int socket, int fd);
/// Receives one message of at most `*size` bytes; `*size` becomes its length. The first descriptor that came along;
/// -ENOMSG when none came.
int charness_receive_fd(int socket, void *buffer, size_t *size);

/// A new pseudo-terminal: the master; the slave's path goes into `slave` (at least 64 bytes).
int charness_open_terminal(char *slave);
/// Sets a terminal's size.
int charness_set_window(int terminal, int rows, int columns);

/// A pipe whose every write is a packet and which holds one: a writer sleeps until the packet before is read.
int charness_packet_pipe(int ends[2]);
/// A memfd with a name.
int charness_memfd(const char *name);
/// The process becomes the one that orphans of its children fall to.
int charness_adopt_orphans(void);
