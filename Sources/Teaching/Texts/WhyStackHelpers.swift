extension WhyTexts {
  /// What engines execute beside the runtime, and Fargate's control plane.
  static let stackHelpers = """
    = pinns
    + CRI-O executes a small program that makes the pod's namespaces, binds each to a file, and ends: so a pod exists
      before its containers and without a process of its own.
    - Without it a pause container would have to run in every pod, only to hold the namespaces.
    + O CRI-O executa um pequeno programa que cria os namespaces do pod, prende cada um a um arquivo e termina: assim um
      pod existe antes de seus contêineres e sem processo próprio.
    - Sem isso um contêiner pause teria de rodar em cada pod, só para segurar os namespaces.

    = cni ADD
    + The engine executes the network plugins, which put an interface with an address into the network namespace: any
      network that has a plugin can be used.
    - Without it the container would have nothing but its loopback.
    + O motor executa os plugins de rede, que põem uma interface com endereço no namespace de rede: serve qualquer rede
      que tenha um plugin.
    - Sem isso o contêiner só teria o loopback.

    = cni DEL
    + The plugins take the interface away and give the address back.
    - Without it the addresses of the node would be used up after a while.
    + Os plugins tiram a interface e devolvem o endereço.
    - Sem isso os endereços do nó acabariam com o tempo.

    = netavark setup
    + podman executes netavark, which makes bridge, interface and port rules for the namespace that podman has made
      before.
    - Without it the container would have nothing but its loopback, for there is no daemon that could do it.
    + O podman executa o netavark, que cria bridge, interface e regras de portas para o namespace que o podman criou
      antes.
    - Sem isso o contêiner só teria o loopback, pois não há daemon que o faça.

    = netavark teardown
    + netavark takes away what it has set up for a container.
    - Without it addresses and port rules of ended containers would stay.
    + O netavark desfaz o que preparou para um contêiner.
    - Sem isso endereços e regras de portas de contêineres encerrados ficariam.

    = graphdriver diff
    + The storage driver packs what a container has changed as a layer.
    - Without it docker commit would have nothing to make an image of.
    + O driver de armazenamento empacota o que um contêiner mudou como uma camada.
    - Sem isso o docker commit não teria de que fazer uma imagem.

    = graphdriver changes
    + The storage driver compares a container's layer with the one below.
    - Without it docker diff could not tell what has changed.
    + O driver de armazenamento compara a camada de um contêiner com a de baixo.
    - Sem isso o docker diff não saberia o que mudou.

    = PayloadMessage
    + Over the web socket that the agent keeps open, ECS tells it which state a task shall have.
    - Without it the agent would have to ask again and again, or be reachable from outside.
    + Pelo web socket que o agente mantém aberto, o ECS lhe diz que estado uma task deve ter.
    - Sem isso o agente teria de perguntar sem parar, ou ser alcançável de fora.

    = ecs RegisterTaskDefinition
    + The client writes down what a task consists of: images, sizes, ports, logs.
    - Without it RunTask would not know what to run.
    + O cliente registra de que uma task consiste: imagens, tamanhos, portas, logs.
    - Sem isso o RunTask não saberia o que rodar.

    = ecs DeregisterTaskDefinition
    + The client takes a task definition out of use.
    - Without it nothing would break: old revisions would only stay in the list.
    + O cliente tira de uso uma definição de task.
    - Sem isso nada quebraria: revisões antigas só ficariam na lista.

    = ecs DescribeTasks
    + The client asks how tasks stand: ECS has no call that waits for an end.
    - Without it nobody outside would see that a task has stopped, and why.
    + O cliente pergunta como estão as tasks: o ECS não tem chamada que espere um fim.
    - Sem isso ninguém de fora veria que uma task parou, e por quê.

    = ecs DescribeClusters
    + The client asks what the cluster is like, in which tasks run.
    - Without it the client would know nothing of the other side.
    + O cliente pergunta como é o cluster em que as tasks rodam.
    - Sem isso o cliente nada saberia do outro lado.

    = ecs ListTasks
    + The client asks which tasks there are.
    - Without it one would have to remember every task's name.
    + O cliente pergunta que tasks existem.
    - Sem isso seria preciso lembrar o nome de cada task.

    = ecs ExecuteCommand
    + The client asks for a command in a running container; the streams go over a session of Systems Manager, since
      nobody reaches the machine itself.
    - Without it one could not look into a container on Fargate.
    + O cliente pede um comando num contêiner em execução; os fluxos passam por uma sessão do Systems Manager, pois
      ninguém alcança a própria máquina.
    - Sem isso não se olharia dentro de um contêiner no Fargate.

    = Logs_20140328.GetLogEvents
    + What a task has said is read from CloudWatch: the agent has sent it there.
    - Without it the output would be gone with the machine.
    + O que uma task disse é lido do CloudWatch: o agente o enviou para lá.
    - Sem isso a saída sumiria com a máquina.

    = Logs_20140328.StartLiveTail
    + The client follows a task's output in CloudWatch as it comes.
    - Without it one would see it only by asking again.
    + O cliente acompanha no CloudWatch a saída de uma task à medida que chega.
    - Sem isso só se veria perguntando de novo.

    = POST /exec/{token}
    + The client opens the stream that Exec has promised: now the command runs, and its streams flow past the CRI.
    - Without it all output would have to go through gRPC messages, and the kubelet would have to carry it.
    + O cliente abre o fluxo que o Exec prometeu: agora o comando roda, e seus fluxos passam ao lado da CRI.
    - Sem isso toda a saída teria de ir em mensagens gRPC, e o kubelet teria de carregá-la.

    = POST /attach/{token}
    + The client opens the stream that Attach has promised, and is connected with the container's streams.
    - Without it the container's output could only be read from its log.
    + O cliente abre o fluxo que o Attach prometeu e fica ligado aos fluxos do contêiner.
    - Sem isso a saída do contêiner só poderia ser lida do log.
    """
}
