import Simulation

/// What still works while a part is broken, and why.
enum FaultTexts {
  static func text(_ part: String, _ kind: FaultKind, _ language: Language) -> String {
    let texts = language == .portuguese ? portuguese : english
    let general = language == .portuguese ? portugueseKinds : englishKinds
    return wrappedParagraph((general[kind] ?? "") + " " + (texts[part] ?? ""))
  }

  private static func wrappedParagraph(_ text: String) -> String { wrapped(text, width: 100) + "\n" }

  private static let englishKinds: [FaultKind: String] = [
    .down: "Nothing listens any more: whoever calls is refused.",
    .slow: "Every answer takes two seconds more.",
    .refusing: "It is there, and answers every request with an error.",
  ]
  private static let portugueseKinds: [FaultKind: String] = [
    .down: "Ninguém mais escuta: quem chama é recusado.",
    .slow: "Cada resposta demora dois segundos a mais.",
    .refusing: "Está lá, e responde a todo pedido com um erro.",
  ]
  private static let english = [
    "dockerd": "Running containers go on: each belongs to its shim, not to dockerd. No docker command works, "
      + "since the client talks to dockerd alone; restart policies and health checks rest.",
    "containerd": "Running containers go on: their shims hold them. dockerd still answers what it knows by itself "
      + "(docker ps, network ls, volume ls), but can neither pull nor start nor stop anything.",
    "shim": "Containers that run keep running, but nobody can be asked about them, and no new one can start: "
      + "containerd has no one to hold its streams and its exit status.",
    "runc": "Running containers do not notice: runC left when they had started. Nothing new can be created, "
      + "and exec, kill and pause fail, since each is one more run of runC.",
    "registry":
      "Everything that is already here works: images are local copies. Only pull, push, search and login fail.",
  ]
  private static let portuguese = [
    "dockerd": "Os contêineres em execução continuam: cada um pertence ao seu shim, não ao dockerd. Nenhum comando "
      + "docker funciona, pois o cliente só fala com o dockerd; políticas de reinício e verificações de saúde param.",
    "containerd": "Os contêineres em execução continuam: seus shims os seguram. O dockerd ainda responde o que sabe "
      + "sozinho (docker ps, network ls, volume ls), mas não baixa, não inicia e não para nada.",
    "shim": "Os contêineres em execução continuam, mas não há a quem perguntar por eles, e nenhum novo começa: o "
      + "containerd não tem quem segure os fluxos e o código de saída.",
    "runc": "Os contêineres em execução nem percebem: o runC saiu assim que eles começaram. Nada novo pode ser criado, "
      + "e exec, kill e pause falham, pois cada um é mais uma execução do runC.",
    "registry": "Tudo o que já está aqui funciona: as imagens são cópias locais. Só pull, push, search e login falham.",
  ]
}
