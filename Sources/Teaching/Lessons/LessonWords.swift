/// What the checks say, in the lesson's language.
struct LessonWords {
  private let isPortuguese: Bool
  init(language: String) { isPortuguese = language.hasPrefix("pt") }

  private func pick(_ english: String, _ portuguese: String) -> String { isPortuguese ? portuguese : english }

  func presence(_ noun: LessonNoun, _ name: String, expected: Bool) -> String {
    let (english, portuguese) =
      switch noun {
      case .container: ("container", "o contêiner")
      case .image: ("image", "a imagem")
      case .volume: ("volume", "o volume")
      case .network: ("network", "a rede")
      }
    return expected
      ? pick("there is a \(english) \(name)", "existe \(portuguese) \(name)")
      : pick("there is no \(english) \(name)", "não existe mais \(portuguese) \(name)")
  }
  func difference(_ what: String, _ wanted: String, _ actual: String) -> String {
    let names = ["state": "estado", "exit": "código de saída", "health": "saúde", "image": "imagem"]
    return pick(
      "\(what) should be \(wanted) and is \(actual)",
      "\(names[what] ?? what) deveria ser \(wanted) e é \(actual)")
  }
  func containers(_ running: Int?, _ all: Int?, _ counts: (running: Int, all: Int)) -> String {
    var parts: [String] = []
    if let running { parts.append(pick("\(running) running", "\(running) em execução")) }
    if let all { parts.append(pick("\(all) in all", "\(all) ao todo")) }
    return pick(
      "containers: \(parts.joined(separator: ", ")) (now \(counts.running) running, \(counts.all) in all)",
      "contêineres: \(parts.joined(separator: ", ")) (agora \(counts.running) em execução, \(counts.all) ao todo)")
  }
  func connected(_ container: String, _ network: String) -> String {
    pick("\(container) is in the network \(network)", "\(container) está na rede \(network)")
  }
  func handoff(_ pattern: String, _ count: Int) -> String {
    count == 1
      ? pick("a handoff \(pattern)", "uma passagem \(pattern)")
      : pick("at least \(count) handoffs \(pattern)", "pelo menos \(count) passagens \(pattern)")
  }
  func noHandoff(_ pattern: String) -> String {
    pick("no handoff \(pattern) since the step began", "nenhuma passagem \(pattern) desde o início do passo")
  }
  func order(_ patterns: String) -> String {
    pick("in one command, in this order: \(patterns)", "num mesmo comando, nesta ordem: \(patterns)")
  }
  func exit(_ wanted: Int, _ actual: Int?) -> String {
    let now = actual.map { String($0) }
    return pick(
      "the last command ends with status \(wanted)" + (now.map { " (it was \($0))" } ?? " (none was entered yet)"),
      "o último comando termina com código \(wanted)" + (now.map { " (foi \($0))" } ?? " (nenhum foi digitado ainda)"))
  }
  func output(_ text: String) -> String { pick("\"\(text)\" is printed", "aparece \"\(text)\"") }
  func stack(_ wanted: String, _ actual: String) -> String {
    pick("the stack is \(wanted) (now \(actual))", "a pilha é \(wanted) (agora \(actual))")
  }
  func runtime(_ wanted: String, _ actual: String) -> String {
    pick("the runtime is \(wanted) (now \(actual))", "o runtime é \(wanted) (agora \(actual))")
  }
  func broken(_ part: String) -> String { pick("\(part) is broken", "\(part) está quebrado") }
  var mended: String { pick("nothing is broken", "nada está quebrado") }
  func registry(_ host: String, _ name: String) -> String {
    pick("\(host) has \(name)", "\(host) tem \(name)")
  }
  func signedIn(_ registry: String) -> String { pick("signed in to \(registry)", "autenticado em \(registry)") }
  func any(_ texts: [String]) -> String { texts.joined(separator: pick("; or ", "; ou ")) }
  var predicted: String {
    pick("the question is answered (lesson answer N)", "a pergunta foi respondida (lesson answer N)")
  }
}
