// The kernel's numbers for rtnetlink and conntrack, and the calls that Swift cannot say: variadic, with packed
// structures or unions, or missing from Glibc's module. Each call returns what the system call returns, or -errno.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

static inline long cnetwork_result(long result) { return result < 0 ? -(long)errno : result; }

/// setns(2), CLONE_NEWNET: the calling thread enters a network namespace.
static inline long cnetwork_setns(int fd) { return cnetwork_result(syscall(SYS_setns, fd, 0x40000000)); }

/// open(2), close-on-exec.
static inline long cnetwork_open(const char *path, int flags) {
  return cnetwork_result(syscall(SYS_openat, -100, path, flags | 02000000, 0));
}

/// socket(2), close-on-exec.
static inline long cnetwork_socket(int family, int type, int protocol) {
  return cnetwork_result(socket(family, type | 02000000, protocol));
}

/// A classic BPF program that drops whatever comes to the socket: it only holds its port (SO_ATTACH_FILTER).
static inline long cnetwork_drop_all(int fd) {
  struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {1, &drop};
  return cnetwork_result(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

/// Sends a whole frame out of an interface, by a socket of AF_PACKET, SOCK_RAW.
static inline long cnetwork_send_frame(int fd, int interface, const void *frame, size_t count) {
  struct sockaddr_ll to;
  memset(&to, 0, sizeof to);
  to.sll_family = AF_PACKET;
  to.sll_ifindex = interface;
  to.sll_halen = 6;
  memcpy(to.sll_addr, frame, 6);
  return cnetwork_result(sendto(fd, frame, count, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to));
}

/// epoll_ctl(2): adds (1), removes (2) or changes (3) a descriptor; `token` comes back with what happens to it.
static inline long cnetwork_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = events;
  event.data.u64 = token;
  return cnetwork_result(epoll_ctl(epoll, operation, fd, &event));
}

/// epoll_wait(2), 64 events at most.
static inline long cnetwork_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int milliseconds) {
  struct epoll_event happened[64];
  long count = cnetwork_result(epoll_wait(epoll, happened, 64, milliseconds));
  for (long i = 0; i < count; i++) {
    tokens[i] = happened[i].data.u64;
    events[i] = happened[i].events;
  }
  return count;
}
