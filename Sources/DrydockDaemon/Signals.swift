#if canImport(Glibc)
  import Glibc
#endif
import Synchronization
import Threads

/// SIGINT and SIGTERM for the daemon: the first asks for an orderly end, the third ends it at once (as dockerd does).
public enum ShutdownSignals {
  private static let count = Atomic<Int>(0)
  private static let bell = Doorbell()

  /// From now on the signals are counted. Call it before there are other threads.
  public static func install() {
    signal(SIGPIPE, SIG_IGN)
    _ = bell
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      if ShutdownSignals.count.add(1, ordering: .relaxed).newValue >= 3 { _exit(1) }
      ShutdownSignals.bell.ring()
    }
    sigemptyset(&action.sa_mask)
    sigaction(SIGINT, &action, nil)
    sigaction(SIGTERM, &action, nil)
  }

  /// Waits for the first, on a thread of its own.
  public static func wait() async {
    await DetachedThread.run {
      while count.load(ordering: .relaxed) == 0 { bell.wait() }
    }
  }
}
