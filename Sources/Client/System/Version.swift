import JSONTree

extension Command {
  static let version = Command(
    "version", usage: "[OPTIONS]", short: "Show the Docker version information", section: .common,
    flags: [
      Flag("format", "f", .string(""), formatHelp, completes: .words(Words.formats))
    ]
  ) { invocation in
    let format = invocation.flags.string("format")
    var template: Template?
    if !format.isEmpty {
      do { template = try Template(Layout(format).template) } catch {
        throw CommandError("template parsing error: \(error)", status: 64)
      }
    }
    var server: JSON?
    var failure: DaemonError?
    do {
      server = try await invocation.session.json(request("GET", "/version"))
    } catch let error as DaemonError {
      failure = error
    }
    let all: JSON = ["Client": VersionReport.client, "Server": server ?? .null]
    if let template {
      var options = Template.Options()
      options.missingKeyFails = true
      options.scalarType = "string"
      if failure != nil {
        try await invocation.line("")
      } else {
        do {
          try await invocation.line(try template.execute(.json(all), options))
        } catch {
          throw CommandError("template parsing error: \(error.words)")
        }
      }
    } else {
      try await invocation.out(VersionReport.text(server))
    }
    guard let failure else { return 0 }
    throw CommandError(failure.description)
  }
}

/// `docker version`'s two halves.
enum VersionReport {
  static var client: JSON {
    [
      "Platform": ["Name": .string(ClientVersion.platform)], "Version": .string(ClientVersion.version),
      "ApiVersion": .string(ClientVersion.api), "APIVersion": .string(ClientVersion.api),
      "DefaultAPIVersion": .string(ClientVersion.api), "GitCommit": .string(ClientVersion.commit),
      "GoVersion": .string(ClientVersion.language), "Os": "linux", "Arch": .string(ClientVersion.architecture),
      "BuildTime": .string(ClientVersion.built), "Context": "default",
    ]
  }

  static func text(_ server: JSON?) -> String {
    func row(_ name: String, _ value: String, _ indent: Int) -> String {
      String(repeating: " ", count: indent) + "\(name):".padded(to: 20 - indent) + value + "\n"
    }
    var out = "Client: \(ClientVersion.platform)\n"
    out += row("Version", ClientVersion.version, 1)
    out += row("API version", ClientVersion.api, 1)
    out += row("Go version", ClientVersion.language, 1)
    out += row("Git commit", ClientVersion.commit, 1)
    out += row("Built", ClientVersion.built, 1)
    out += row("OS/Arch", "linux/\(ClientVersion.architecture)", 1)
    out += row("Context", "default", 1)
    guard let server else { return out }
    let platform = server.text("Platform", "Name")
    out += "\nServer:\(platform.isEmpty ? "" : " \(platform)")\n"
    for component in components(server) {
      let details = component["Details"] ?? [:]
      out += " \(component.text("Name")):\n"
      if component.text("Name") == "Engine" {
        out += row("Version", component.text("Version"), 2)
        out += row("API version", "\(details.text("ApiVersion")) (minimum version \(details.text("MinAPIVersion")))", 2)
        out += row("Go version", details.text("GoVersion"), 2)
        out += row("Git commit", details.text("GitCommit"), 2)
        out += row("Built", built(details.text("BuildTime")), 2)
        out += row("OS/Arch", "\(details.text("Os"))/\(details.text("Arch"))", 2)
        out += row("Experimental", details.text("Experimental"), 2)
      } else {
        out += row("Version", component.text("Version"), 2)
        for detail in (details.object?.members ?? []).sorted(by: { $0.key < $1.key }) {
          out += row(detail.key, detail.value.string ?? "", 2)
        }
      }
    }
    return out
  }

  /// The parts that the server names; an old one names only itself.
  private static func components(_ server: JSON) -> [JSON] {
    if let components = server["Components"]?.array, !components.isEmpty { return components }
    return [
      [
        "Name": "Engine", "Version": server["Version"] ?? "",
        "Details": [
          "ApiVersion": server["ApiVersion"] ?? "", "MinAPIVersion": server["MinAPIVersion"] ?? "",
          "GitCommit": server["GitCommit"] ?? "", "GoVersion": server["GoVersion"] ?? "", "Os": server["Os"] ?? "",
          "Arch": server["Arch"] ?? "", "BuildTime": server["BuildTime"] ?? "",
          "Experimental": .string("\(server.flag("Experimental"))"),
        ],
      ]
    ]
  }

  private static func built(_ text: String) -> String { GoTime.parse(text).map { GoTime.ansi($0.seconds) } ?? text }
}
