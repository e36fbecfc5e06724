import Runtime
import Seams

/// A directive of nginx's configuration, with the block behind it.
struct NginxDirective: Sendable {
  var name: String
  var arguments: [String]
  var block: [NginxDirective]?
  var file: String
  var line: Int

  /// The last directive of a name within the block.
  func value(_ name: String) -> [String]? { block?.last { $0.name == name }?.arguments }
  func all(_ name: String) -> [NginxDirective] { block?.filter { $0.name == name } ?? [] }
}

/// What is wrong with a configuration: `unknown directive "x" in /etc/nginx/nginx.conf:3`.
struct NginxFailure: Error, Sendable { var text: String }

/// Reads nginx's configuration files.
struct NginxConfiguration: Sendable {
  private(set) var main: NginxDirective

  init(_ path: String, globals: String, _ process: any SimProcess) throws {
    var parser = Parser(process: process)
    var directives = try parser.file(path, depth: 0)
    if !globals.isEmpty { directives += try parser.parse(Array(globals.utf8), "command line", depth: 0) }
    main = NginxDirective(name: "main", arguments: [], block: directives, file: path, line: 1)
    guard directives.contains(where: { $0.name == "events" }) else {
      throw NginxFailure(text: "no \"events\" section in configuration")
    }
  }

  var http: NginxDirective? { main.all("http").first }
  var servers: [NginxDirective] { http?.all("server") ?? [] }

  private struct Parser {
    let process: any SimProcess
    var count = 0

    mutating func file(_ path: String, depth: Int) throws -> [NginxDirective] {
      do {
        return try parse(try process.readFile(path), path, depth: depth)
      } catch let error as Errno {
        throw NginxFailure(text: "open() \"\(path)\" failed (\(error.code): \(describe(error, process)))")
      }
    }

    mutating func parse(_ text: [UInt8], _ file: String, depth: Int) throws -> [NginxDirective] {
      guard depth < 20 else { throw NginxFailure(text: "too many levels of includes in \(file)") }
      var stack: [[NginxDirective]] = [[]]
      var open: [NginxDirective] = []
      var words: [String] = []
      var start = 1
      var line = 1
      var index = 0
      while index < text.count {
        let byte = text[index]
        switch byte {
        case 10:
          line += 1
          index += 1
        case 0...32: index += 1
        case UInt8(ascii: "#"): while index < text.count, text[index] != 10 { index += 1 }
        case UInt8(ascii: ";"):
          guard !words.isEmpty else { throw NginxFailure(text: "unexpected \";\" in \(file):\(line)") }
          count += 1
          guard count < 20_000 else { throw NginxFailure(text: "configuration too large in \(file):\(line)") }
          let name = words.removeFirst()
          try check(name, file, start)
          if name == "include", let pattern = words.first {
            for path in try included(pattern, file, line) {
              stack[stack.count - 1] += try self.file(path, depth: depth + 1)
            }
          } else {
            stack[stack.count - 1].append(
              NginxDirective(name: name, arguments: words, block: nil, file: file, line: start))
          }
          words = []
          index += 1
        case UInt8(ascii: "{"):
          guard !words.isEmpty else { throw NginxFailure(text: "unexpected \"{\" in \(file):\(line)") }
          let name = words.removeFirst()
          try check(name, file, start)
          open.append(NginxDirective(name: name, arguments: words, block: nil, file: file, line: start))
          guard open.count < 50 else { throw NginxFailure(text: "too deep in \(file):\(line)") }
          stack.append([])
          words = []
          index += 1
        case UInt8(ascii: "}"):
          guard words.isEmpty, var directive = open.popLast() else {
            throw NginxFailure(text: "unexpected \"}\" in \(file):\(line)")
          }
          directive.block = stack.removeLast()
          stack[stack.count - 1].append(directive)
          index += 1
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
          if words.isEmpty { start = line }
          var word: [UInt8] = []
          index += 1
          while index < text.count, text[index] != byte {
            if text[index] == UInt8(ascii: "\\"), index + 1 < text.count { index += 1 }
            if text[index] == 10 { line += 1 }
            word.append(text[index])
            index += 1
          }
          guard index < text.count else {
            throw NginxFailure(
              text: "unexpected end of file, expecting \"\(String(UnicodeScalar(byte)))\" in \(file):\(line)")
          }
          words.append(String(decoding: word, as: UTF8.self))
          index += 1
        default:
          if words.isEmpty { start = line }
          var end = index
          while end < text.count, text[end] > 32,
            !";{}".utf8.contains(text[end])
              || (text[end] == UInt8(ascii: "{") && end > index && text[end - 1] == UInt8(ascii: "$"))
          {
            if text[end] == UInt8(ascii: "\\"), end + 1 < text.count { end += 1 }
            end += 1
          }
          words.append(String(decoding: text[index..<min(end, text.count)], as: UTF8.self))
          index = end
        }
      }
      guard open.isEmpty else { throw NginxFailure(text: "unexpected end of file, expecting \"}\" in \(file):\(line)") }
      guard words.isEmpty else {
        throw NginxFailure(text: "unexpected end of file, expecting \";\" or \"}\" in \(file):\(line)")
      }
      return stack[0]
    }

    private func included(_ pattern: String, _ file: String, _ line: Int) throws -> [String] {
      let path = pattern.hasPrefix("/") ? pattern : joined("/etc/nginx", pattern)
      guard path.contains("*") else { return [path] }
      let folder = Simulation.folder(of: path)
      let glob = GlobPattern(basename(path))
      return ((try? process.list(folder)) ?? []).sorted().filter { !$0.hasPrefix(".") && glob.matches($0) }.map {
        joined(folder, $0)
      }
    }

    private func check(_ name: String, _ file: String, _ line: Int) throws {
      guard !Self.known.contains(name), !name.hasPrefix("$"), Self.prefixes.allSatisfy({ !name.hasPrefix($0) }) else {
        return
      }
      // Blocks of types, maps and the like have keys of their own.
      if name.contains("/") || name.contains("~") || name.contains(".") || name.contains("*")
        || name.first?.isNumber == true
      {
        return
      }
      throw NginxFailure(text: "unknown directive \"\(name)\" in \(file):\(line)")
    }

    /// Modules with many directives each.
    private static let prefixes = [
      "proxy_", "fastcgi_", "uwsgi_", "scgi_", "grpc_", "ssl_", "gzip", "limit_", "auth_", "client_", "open_file_cache",
      "log_", "sub_", "http2", "http3", "quic_", "worker_", "keepalive_", "large_", "types_", "server_", "resolver",
      "js_",
      "dav_", "geo", "charset", "perl_", "memcached_", "mp4", "secure_link", "split_", "ssi", "userid", "xslt_", "zone",
      "random_index", "send_", "tcp_", "postpone_", "output_", "variables_", "request_", "referer_", "real_ip",
    ]
    private static let known: Set<String> = [
      "absolute_redirect", "access_log", "add_header", "add_trailer", "aio", "alias", "allow", "autoindex",
      "autoindex_format",
      "break", "chunked_transfer_encoding", "connection_pool_size", "daemon", "debug_connection", "default",
      "default_type",
      "deny", "directio", "disable_symlinks", "empty_gif", "env", "error_log", "error_page", "etag", "events",
      "expires",
      "hash", "hostnames", "http", "if", "if_modified_since", "ignore_invalid_headers", "image_filter", "include",
      "index",
      "internal", "ip_hash", "keepalive", "least_conn", "limit_except", "lingering_close", "lingering_time",
      "lingering_timeout",
      "listen", "load_module", "location", "lock_file", "mail", "map", "map_hash_bucket_size", "map_hash_max_size",
      "master_process", "max_ranges", "merge_slashes", "mirror", "msie_padding", "multi_accept", "override_charset",
      "pcre_jit",
      "pid", "port_in_redirect", "proxy_pass", "random", "read_ahead", "recursive_error_pages",
      "reset_timedout_connection",
      "return", "rewrite", "rewrite_log", "root", "satisfy", "sendfile", "sendfile_max_chunk", "server", "set", "slice",
      "state",
      "stream", "stub_status", "subrequest_output_buffer_size", "thread_pool", "timer_resolution", "try_files", "types",
      "underscores_in_headers", "uninitialized_variable_warn", "upstream", "use", "user", "valid_referers", "volatile",
    ]
  }
}
