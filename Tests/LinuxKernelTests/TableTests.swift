import Glibc
import Runtime
import Testing

@testable import LinuxKernel

@Suite("Numbers and names")
struct TableTests {
  @Test("Every errno of Linux has its name, and strerror's words in lower case")
  func errnos() {
    for number: Int32 in 1...133 where number != 41 && number != 58 {
      let errno = Errno(number: number)
      let words = String(cString: strerror(number))
      #expect(errno.code == number)
      #expect(errno.message.lowercased() == words.lowercased())
      #expect(errno.message.first?.isUppercase == false || errno.message.hasPrefix("RFS"))
      #expect(Errno(name: errno.name) == errno)
    }
    #expect(Errno(number: 2) == .ENOENT)
    #expect(Errno(number: 95) == .EOPNOTSUPP)
    #expect(Errno(number: 999).message == "errno 999")
    #expect(Errno(name: "EGAD") == nil)
  }

  @Test("Capabilities have the numbers that libcap gives them")
  func capabilities() {
    for (number, name) in CapabilityNames.all.enumerated() {
      #expect(LinuxKernel.capability(name) == Int32(number))
    }
    #expect(LinuxKernel.capability("CAP_FLY") == nil)
    #expect(LinuxKernel.capability("CAP_CHOWN\0") == nil)
    #expect(LinuxKernel.capabilityCount >= 38)
  }

  @Test("Attributes of a mount by name; what belongs to the file system is no attribute")
  func mountAttributes() throws {
    #expect(try MountAttributes(names: ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOATIME"]).rawValue == 0x11)
    #expect(try MountAttributes(names: ["MOUNT_ATTR__ATIME"]).rawValue == 0x70)
    #expect(throws: Errno.EINVAL) { try MountAttributes(names: ["MOUNT_ATTR_FAST"]) }
    #expect(MountAttributes([.rdonly, .nosuid, .synchronous, .rec]).rawValue == 0x3)
    #expect(MountAttributes([.nosymfollow, .nodiratime]).rawValue == 0x20_0080)
    #expect(MountAttributes([.rdonly, .strictatime]).flags == [.rdonly, .strictatime])
  }

  @Test(
    "Options of a file system are separated by commas, except within quotes",
    arguments: [
      ("", []), ("mode=755,size=65536k", ["mode=755", "size=65536k"]), (",ro,,x=", ["ro", "x="]),
      ("context=\"a:b:c0,c1\",size=1", ["context=\"a:b:c0,c1\"", "size=1"]),
    ])
  func fileSystemOptions(data: String, options: [String]) {
    #expect(LinuxKernel.options(data) == options)
  }

  @Test("Quotes around a value are not part of it")
  func quotes() {
    #expect(LinuxKernel.unquoted("\"a,b\"") == "a,b")
    #expect(LinuxKernel.unquoted("\"") == "\"")
    #expect(LinuxKernel.unquoted("a\"b") == "a\"b")
  }

  @Test("Lists of CPUs and memory nodes")
  func lists() throws {
    #expect(try LinuxKernel.mask("") == [])
    #expect(try LinuxKernel.mask("0-2,5") == [0b100111])
    #expect(try LinuxKernel.mask("64,0") == [1, 1])
    for wrong in ["a", "3-1", "-1", "0,", "0-", "8192", "99999999999999999999", "0--1", "+1"] {
      #expect(throws: Errno.EINVAL) { try LinuxKernel.mask(wrong) }
    }
  }

  @Test("Device numbers as the kernel packs them")
  func devices() {
    #expect(LinuxKernel.device(1, 3) == 0x103)
    #expect(LinuxKernel.device(10, 200) == 0xac8)
    #expect(LinuxKernel.device(4095, 1_048_575) == 0xffff_ffff)
  }

  @Test("Only procfs is written as procfs")
  func belowProc() {
    #expect(LinuxKernel.belowProc("/proc/sys/net/ipv4/ip_forward") == "sys/net/ipv4/ip_forward")
    #expect(LinuxKernel.belowProc("/procfs/x") == nil)
    #expect(LinuxKernel.belowProc("/sys/fs/cgroup/x") == nil)
  }
}
