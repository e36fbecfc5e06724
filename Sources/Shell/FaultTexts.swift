import Simulation

/// What still works while a part is broken, and why.
enum FaultTexts {
  static func text(_ part: String, _ kind: FaultKind, stack: String = "docker", _ language: Language) -> String {
    let texts = language == .portuguese ? portuguese : english
    let general = language == .portuguese ? portugueseKinds : englishKinds
    return wrappedParagraph((general[kind] ?? "") + " " + (texts["\(part) of \(stack)"] ?? texts[part] ?? ""))
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
    "dockerd of docker-1.10": "The containers end with it: they are its children, and nothing else holds them. When it "
      + "is there again it cleans up, and starts those whose restart policy says so.",
    "containerd of containerd": "Running containers go on: their shims hold them. ctr knows nothing by itself, so no "
      + "command works.",
    "containerd of fargate": "Running tasks go on: their shims hold them. The agent can neither start nor stop any.",
    "crio": "Running containers go on: each belongs to its conmon. The kubelet, or crictl, reaches nobody.",
    "podman":
      "Running containers go on: each belongs to its conmon, and there never was a daemon. No command works, and "
      + "nobody cleans up after those that end.",
    "conmon": "Running containers go on with the conmon that they have. No new one can be created, and podman exec "
      + "fails, since each needs a conmon of its own.",
    "pinns": "Running pods go on. No new one can be made, since nobody makes its namespaces.",
    "cni": "Running containers keep their network. New ones get none, and so do not start.",
    "netavark": "Running containers keep their network. New ones get none, and so do not start.",
    "ecs": "Running tasks go on: the agent holds them. Nobody can ask for anything, as the API is the only way.",
    "agent": "Running tasks go on: their shims hold them. ECS finds nobody who would start or stop one.",
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
    "dockerd of docker-1.10": "Os contêineres acabam junto: são seus filhos, e nada mais os segura. Quando ele volta, "
      + "limpa tudo e inicia os que a política de reinício manda.",
    "containerd of containerd": "Os contêineres em execução continuam: seus shims os seguram. O ctr nada sabe sozinho, "
      + "então nenhum comando funciona.",
    "containerd of fargate": "As tasks em execução continuam: seus shims as seguram. O agente não inicia nem para "
      + "nenhuma.",
    "crio": "Os contêineres em execução continuam: cada um pertence ao seu conmon. O kubelet, ou o crictl, não alcança "
      + "ninguém.",
    "podman":
      "Os contêineres em execução continuam: cada um pertence ao seu conmon, e nunca houve daemon. Nenhum comando "
      + "funciona, e ninguém limpa o que termina.",
    "conmon": "Os contêineres em execução continuam com o conmon que têm. Nada novo pode ser criado, e podman exec "
      + "falha, pois cada um precisa de um conmon próprio.",
    "pinns": "Os pods em execução continuam. Nenhum novo pode ser criado, pois ninguém cria seus namespaces.",
    "cni": "Os contêineres em execução mantêm a rede. Os novos não ganham nenhuma e por isso não iniciam.",
    "netavark": "Os contêineres em execução mantêm a rede. Os novos não ganham nenhuma e por isso não iniciam.",
    "ecs": "As tasks em execução continuam: o agente as segura. Ninguém pode pedir nada, pois a API é o único caminho.",
    "agent": "As tasks em execução continuam: seus shims as seguram. O ECS não acha quem inicie ou pare uma.",
  ]
}
