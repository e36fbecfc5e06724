import Handoff

/// Facts about parties in plain words.
public enum Parties {
  /// What a party is, in one phrase: in English, or in Portuguese when `language` begins with `pt`.
  public static func about(_ party: Party, language: String = "en") -> String {
    let texts = about[party.rawValue] ?? ("another part of the stack", "outra peça da pilha")
    return language.hasPrefix("pt") ? texts.portuguese : texts.english
  }

  /// The parties that have a text of their own.
  static var known: [String] { about.keys.sorted() }

  private static let about: [String: (english: String, portuguese: String)] = [
    "client": (
      "the docker command line, or anything else that speaks the Docker Engine API",
      "a linha de comando docker, ou qualquer outro que fale a Docker Engine API"
    ),
    "dockerd": (
      "Docker's daemon: takes requests, and keeps containers' settings, networks, volumes and logs",
      "o daemon do Docker: recebe pedidos e cuida de configurações, redes, volumes e logs dos contêineres"
    ),
    "containerd": (
      "the daemon that does the work with images, snapshots and containers' life cycle",
      "o daemon que faz o trabalho com imagens, snapshots e o ciclo de vida dos contêineres"
    ),
    "shim": (
      "one small process a container: holds its streams, waits for its end",
      "um pequeno processo por contêiner: segura seus fluxos e espera seu fim"
    ),
    "runc": (
      "the OCI runtime of reference: prepares a container with system calls, and is gone",
      "o runtime OCI de referência: prepara um contêiner com chamadas de sistema e some"
    ),
    "crun": (
      "an OCI runtime in C: the same work in less time and memory",
      "um runtime OCI em C: o mesmo trabalho com menos tempo e memória"
    ),
    "railcar": (
      "an OCI runtime in Rust, by Oracle; archived in 2020",
      "um runtime OCI em Rust, da Oracle; arquivado em 2020"
    ),
    "drydock-runc": (
      "Drydock's own OCI runtime: it works beside the process that it makes, and waits only where it has to",
      "o runtime OCI do próprio Drydock: trabalha ao lado do processo que cria e só espera onde precisa"
    ),
    "kernel": (
      "Linux: namespaces, cgroups, mounts, capabilities", "o Linux: namespaces, cgroups, montagens, capabilities"
    ),
    "registry": ("where images come from and go to", "de onde as imagens vêm e para onde vão"),
    "crictl": (
      "a client of the Kubernetes Container Runtime Interface",
      "um cliente da Container Runtime Interface do Kubernetes"
    ),
    "crio": (
      "CRI-O: the daemon that Kubernetes can use in containerd's place",
      "CRI-O: o daemon que o Kubernetes pode usar no lugar do containerd"
    ),
    "conmon": (
      "the monitor of a container under CRI-O and podman", "o monitor de um contêiner sob CRI-O e podman"
    ),
    "podman": ("a container engine without a daemon", "um motor de contêineres sem daemon"),
    "ctr": ("containerd's own client", "o cliente do próprio containerd"),
    "agent": ("the Fargate agent", "o agente do Fargate"),
    "cni": (
      "the network plugins that an engine executes to put a pod or container on a network",
      "os plugins de rede que um motor executa para pôr um pod ou contêiner numa rede"
    ),
    "netavark": ("podman's network tool", "a ferramenta de rede do podman"),
    "pinns": (
      "CRI-O's small helper that makes namespaces and pins them to files",
      "o pequeno ajudante do CRI-O que cria namespaces e os prende a arquivos"
    ),
    "graphdriver": (
      "the storage driver inside the old docker daemon: layers of images and containers",
      "o driver de armazenamento dentro do antigo daemon docker: camadas de imagens e contêineres"
    ),
    "ecs": (
      "the control plane of Amazon's Elastic Container Service",
      "o plano de controle do Elastic Container Service da Amazon"
    ),
    "cloudwatch": ("where the output of Fargate's containers is kept", "onde fica a saída dos contêineres do Fargate"),
    "libcontainer": (
      "the library inside the old docker daemon that became runC",
      "a biblioteca dentro do antigo daemon docker que virou o runC"
    ),
  ]
}
