import Encodings
import JSONTree
import Seams

/// `aws`: what of Amazon's command line a Docker user needs, which is the password for ECR.
///
/// The real one signs its requests with a secret key (Signature Version 4); of the signature only its form is modelled.
func addAWSApplet(_ table: inout AppletTable) {
  table.add("aws", "[options] <command> <subcommand> [parameters]", runAWS)
}

private let runAWS: AppletBody = { context in
  let usage =
    "\nusage: aws [options] <command> <subcommand> [<subcommand> ...] [parameters]\n"
    + "To see help text, you can run:\n\n  aws help\n  aws <command> help\n  aws <command> <subcommand> help\n\n"
  if context.arguments == ["--version"] {
    try await context.print("aws-cli/2.32.25 Python/3.13.11 Linux/6.12.0 exe/x86_64.debian.13\n")
    return 0
  }
  var words: [String] = []
  var region = "us-east-1"
  var arguments = context.arguments[...]
  while let word = arguments.popFirst() {
    if word == "--region" || word == "--profile" || word == "--output" {
      guard let value = arguments.popFirst() else {
        try await context.complain(usage + "aws: [ERROR]: argument \(word): expected one argument\n")
        return 252
      }
      if word == "--region" { region = value }
    } else if word.hasPrefix("--region=") {
      region = String(word.dropFirst(9))
    } else if word == "--no-include-email" || word == "--no-cli-pager" {
      continue
    } else {
      words.append(word)
    }
  }
  switch words {
  case ["ecr", "get-login-password"]: break
  case ["sts", "get-caller-identity"]:
    try await context.print(
      "{\n    \"UserId\": \"AIDADRYDOCKLEARNERXX\",\n    \"Account\": \"123456789012\",\n"
        + "    \"Arn\": \"arn:aws:iam::123456789012:user/learner\"\n}\n")
    return 0
  case let words where words.isEmpty || words.contains("help"):
    try await context.print(
      "usage: aws ecr get-login-password [--region REGION]\n       aws sts get-caller-identity\n")
    return words.isEmpty ? 252 : 0
  default:
    try await context.complain(
      usage + "aws: [ERROR]: this simulated host knows `aws ecr get-login-password` and `aws sts get-caller-identity`\n"
    )
    return 252
  }
  let host = "api.ecr.\(region).amazonaws.com"
  guard let address = HTTPAddress("https://\(host)/"), region.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" }),
    region.contains("-")
  else {
    try await context.complain("aws: [ERROR]: Provided region_name '\(region)' doesn't match a supported format.\n")
    return 255
  }
  let client = HTTPClient(context: context)
  do {
    let answer = try await client.send(
      "POST", address, at: try await client.resolve(address.host),
      headers: [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=AKIADRYDOCKLEARNER00/\(region)/ecr/aws4_request"),
      ], body: Array("{}".utf8))
    let token = (try? JSON(parsing: answer.body))?["authorizationData"]?.array?.first?["authorizationToken"]?.string
    guard answer.status == 200, let pair = token.flatMap({ Base64.decode($0) }) else {
      try await context.complain(
        "aws: [ERROR]: An error occurred (\(answer.status)) when calling the GetAuthorizationToken operation\n")
      return 254
    }
    try await context.print(String(String(decoding: pair, as: UTF8.self).dropFirst("AWS:".count)) + "\n")
    return 0
  } catch is HTTPFailure {
    try await context.complain("aws: [ERROR]: Could not connect to the endpoint URL: \"\(address.text)\"\n")
    return 255
  }
}
