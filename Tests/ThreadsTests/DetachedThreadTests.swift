import Glibc
import Testing

@testable import Threads

@Suite("Threads for what blocks")
struct DetachedThreadTests {
  @Test("work is done on another thread, and its answer comes back")
  func run() async throws {
    let here = pthread_self()
    #expect(await DetachedThread.run { pthread_equal(pthread_self(), here) } == 0)
  }

  @Test("what the work throws is thrown")
  func failure() async {
    struct Wrong: Error {}
    await #expect(throws: Wrong.self) { try await DetachedThread.run { throw Wrong() } }
  }

  @Test("where there is no thread to be had, the error says so and the work is let go")
  func none() {
    // More than the address space has: what a limit of memory or of processes does, without setting one.
    #expect(throws: NoThread(errno: EAGAIN)) { try DetachedThread.start(stackSize: 1 << 47) {} }
    #expect(NoThread(errno: EAGAIN).description == "cannot start a thread: resource temporarily unavailable")
  }
}
