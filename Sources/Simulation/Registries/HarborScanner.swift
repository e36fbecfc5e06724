import JSONTree
import OCISpec

/// A finding of Harbor's scanner.
public struct Vulnerability: Sendable, Hashable {
  public enum Severity: String, Sendable, Hashable, Comparable, CaseIterable {
    case low = "Low"
    case medium = "Medium"
    case high = "High"
    case critical = "Critical"
    public static func < (a: Severity, b: Severity) -> Bool {
      (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
  }
  /// `CVE-2022-37434`.
  public var id: String
  public var severity: Severity
  public var package: String
  public var version: String
  /// The version that mends it; empty when there is none.
  public var fixedIn: String
  public var description: String
}

/// Harbor's scanner: knows which layers have which weaknesses. An image inherits those of its base.
enum HarborScanner {
  /// The findings in an image, gravest first. An index has those of all its images.
  static func findings(_ store: RegistryStore, _ name: String, _ manifest: RegistryStore.Manifest) -> [Vulnerability] {
    var layers: Set<Digest> = []
    collect(store, name, manifest, &layers, depth: 0)
    guard !layers.isDisjoint(with: weakLayers) else { return [] }
    return known
  }

  private static func collect(
    _ store: RegistryStore, _ name: String, _ manifest: RegistryStore.Manifest, _ layers: inout Set<Digest>, depth: Int
  ) {
    guard depth < 4, let tree = try? JSON(parsing: manifest.bytes, maxDepth: 32) else { return }
    for layer in tree["layers"]?.array ?? [] {
      if let digest = layer["digest"]?.string.flatMap(Digest.init) { layers.insert(digest) }
    }
    for child in tree["manifests"]?.array ?? [] {
      guard let digest = child["digest"]?.string, let child = store.manifest(name, digest) else { continue }
      collect(store, name, child, &layers, depth: depth + 1)
    }
  }

  /// The layers of the nginx of 2022 and of the Debian below it.
  private static let weakLayers = Set(Shop.oldNginx.documents.layers.keys)

  /// What is known of Debian 11.3 and nginx 1.21.6.
  private static let known = [
    Vulnerability(
      id: "CVE-2022-37434", severity: .critical, package: "zlib1g", version: "1:1.2.11.dfsg-2+deb11u1",
      fixedIn: "1:1.2.11.dfsg-2+deb11u2",
      description: "zlib: heap-based buffer over-read and overflow in inflate() via a large gzip header extra field"),
    Vulnerability(
      id: "CVE-2022-1664", severity: .critical, package: "dpkg", version: "1.20.9", fixedIn: "1.20.10",
      description: "Dpkg::Source::Archive: directory traversal when unpacking untrusted source packages"),
    Vulnerability(
      id: "CVE-2023-38545", severity: .critical, package: "curl", version: "7.74.0-1.3+deb11u1",
      fixedIn: "7.74.0-1.3+deb11u10", description: "curl: heap based buffer overflow in the SOCKS5 proxy handshake"),
    Vulnerability(
      id: "CVE-2023-4911", severity: .high, package: "libc6", version: "2.31-13+deb11u3", fixedIn: "2.31-13+deb11u7",
      description: "glibc: buffer overflow in ld.so leading to privilege escalation"),
    Vulnerability(
      id: "CVE-2023-44487", severity: .high, package: "nginx", version: "1.21.6-1~bullseye", fixedIn: "1.25.3",
      description: "HTTP/2: multiple HTTP/2 enabled web servers are vulnerable to a DDoS attack (Rapid Reset)"),
    Vulnerability(
      id: "CVE-2022-41741", severity: .high, package: "nginx", version: "1.21.6-1~bullseye", fixedIn: "1.23.2",
      description: "nginx: memory corruption in ngx_http_mp4_module"),
    Vulnerability(
      id: "CVE-2022-2068", severity: .high, package: "openssl", version: "1.1.1n-0+deb11u2",
      fixedIn: "1.1.1n-0+deb11u3",
      description: "openssl: the c_rehash script allows command injection"),
    Vulnerability(
      id: "CVE-2023-0464", severity: .medium, package: "openssl", version: "1.1.1n-0+deb11u2",
      fixedIn: "1.1.1n-0+deb11u5",
      description: "openssl: denial of service by excessive resource usage in verifying X509 policy constraints"),
    Vulnerability(
      id: "CVE-2011-3374", severity: .low, package: "apt", version: "2.2.4", fixedIn: "",
      description: "apt-key in apt does not correctly validate gpg keys with the master keyring"),
  ]

  /// Harbor's summary: `scan_overview`.
  static func overview(_ findings: [Vulnerability], at time: String) -> JSON {
    let counts = Vulnerability.Severity.allCases.reversed().compactMap { severity -> JSONObject.Member? in
      let count = findings.count { $0.severity == severity }
      return count > 0 ? .init(severity.rawValue, JSON(count)) : nil
    }
    return [
      "application/vnd.security.vulnerability.report; version=1.1": [
        "scan_status": "Success", "severity": .string(findings.map(\.severity).max()?.rawValue ?? "None"),
        "summary": [
          "total": JSON(findings.count), "fixable": JSON(findings.count { !$0.fixedIn.isEmpty }),
          "summary": .object(JSONObject(counts)),
        ],
        "scanner": ["name": "Trivy", "vendor": "Aqua Security", "version": "v0.65.0"], "end_time": .string(time),
      ]
    ]
  }

  /// Harbor's report: `additions/vulnerabilities`.
  static func report(_ findings: [Vulnerability], at time: String) -> JSON {
    [
      "application/vnd.security.vulnerability.report; version=1.1": [
        "generated_at": .string(time), "scanner": ["name": "Trivy", "vendor": "Aqua Security", "version": "v0.65.0"],
        "severity": .string(findings.map(\.severity).max()?.rawValue ?? "None"),
        "vulnerabilities": .array(
          findings.map {
            [
              "id": .string($0.id), "package": .string($0.package), "version": .string($0.version),
              "fix_version": .string($0.fixedIn), "severity": .string($0.severity.rawValue),
              "description": .string($0.description),
              "links": [.string("https://avd.aquasec.com/nvd/\($0.id.lowercased())")],
            ]
          }),
      ]
    ]
  }
}
