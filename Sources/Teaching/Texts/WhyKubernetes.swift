extension WhyTexts {
  /// crictl → CRI-O: the Container Runtime Interface.
  static let kubernetes = """
    = runtime.v1.RuntimeService/Version
    + The kubelet, or crictl in its place, asks which runtime answers and which version of the CRI it speaks.
    - Without it the kubelet could not tell containerd from CRI-O, nor an old one from a new one.
    + O kubelet, ou o crictl em seu lugar, pergunta que runtime responde e que versão do CRI ele fala.
    - Sem isso o kubelet não distinguiria o containerd do CRI-O, nem um antigo de um novo.

    = runtime.v1.RuntimeService/Status
    + The kubelet asks whether runtime and pod network are ready.
    - Without it pods would be scheduled to a node whose network plugin is not there yet.
    + O kubelet pergunta se o runtime e a rede de pods estão prontos.
    - Sem isso pods seriam agendados num nó cujo plugin de rede ainda não chegou.

    = runtime.v1.RuntimeService/RunPodSandbox
    + A pod's sandbox is asked for: network, host name and shared namespaces, held by a tiny pause container, before
      the first container of the pod.
    - Without it the containers of a pod would have no common address and no common localhost.
    + Pede-se o sandbox de um pod: rede, hostname e namespaces comuns, segurados por um minúsculo contêiner pause,
      antes do primeiro contêiner do pod.
    - Sem isso os contêineres de um pod não teriam endereço comum nem localhost comum.

    = runtime.v1.RuntimeService/StopPodSandbox
    + The pod's network is taken down, and what still runs in it is stopped.
    - Without it the addresses of ended pods would stay taken.
    + A rede do pod é desfeita, e o que ainda roda nele é parado.
    - Sem isso os endereços de pods encerrados continuariam ocupados.

    = runtime.v1.RuntimeService/RemovePodSandbox
    + The sandbox of a stopped pod is forgotten with all its containers.
    - Without it each pod ever scheduled would leave its record on the node.
    + O sandbox de um pod parado é esquecido com todos os seus contêineres.
    - Sem isso cada pod já agendado deixaria seu registro no nó.

    = runtime.v1.RuntimeService/PodSandboxStatus
    + The kubelet asks for the pod's address and state.
    - Without it kubectl get pods -o wide could show no address.
    + O kubelet pergunta o endereço e o estado do pod.
    - Sem isso o kubectl get pods -o wide não teria endereço a mostrar.

    = runtime.v1.RuntimeService/ListPodSandbox
    + The kubelet asks for all pods that the runtime knows, to compare them with those that should be there.
    - Without it pods deleted while the kubelet was down would run for ever.
    + O kubelet pede todos os pods que o runtime conhece, para compará-los com os que deveriam existir.
    - Sem isso pods apagados enquanto o kubelet estava fora rodariam para sempre.

    = runtime.v1.RuntimeService/CreateContainer
    + A container is created inside a pod's sandbox; CRI-O writes its config.json and has conmon execute the runtime.
    - Without it a pod would be an address with nobody at home.
    + Um contêiner é criado dentro do sandbox de um pod; o CRI-O grava o config.json e manda o conmon executar o
      runtime.
    - Sem isso um pod seria um endereço sem ninguém em casa.

    = runtime.v1.RuntimeService/StartContainer
    + The created container is let go.
    - Without it the kubelet could not run what must happen between create and start.
    + O contêiner criado é liberado.
    - Sem isso o kubelet não faria o que precisa acontecer entre create e start.

    = runtime.v1.RuntimeService/StopContainer
    + The container is asked to end within the pod's grace period, and killed after it.
    - Without it rolling updates would cut connections in the middle.
    + Pede-se ao contêiner que termine dentro do prazo de tolerância do pod; depois, ele é morto.
    - Sem isso atualizações graduais cortariam conexões no meio.

    = runtime.v1.RuntimeService/RemoveContainer
    + An ended container is removed with its log and layer.
    - Without it crash loops would fill the node's disk.
    + Um contêiner terminado é removido com seu log e sua camada.
    - Sem isso reinícios em série encheriam o disco do nó.

    = runtime.v1.RuntimeService/ContainerStatus
    + The kubelet asks for state, exit status and start time of a container.
    - Without it restart policies could not act, and kubectl describe would know nothing.
    + O kubelet pergunta estado, status de saída e hora de início de um contêiner.
    - Sem isso políticas de reinício não agiriam, e o kubectl describe nada saberia.

    = runtime.v1.RuntimeService/ListContainers
    + The kubelet asks again and again for all containers, for it trusts what it sees more than what it remembers.
    - Without it a container that ended unseen would never be replaced.
    + O kubelet pede repetidamente todos os contêineres, pois confia mais no que vê do que no que lembra.
    - Sem isso um contêiner que terminou sem ser visto nunca seria substituído.

    = runtime.v1.RuntimeService/UpdateContainerResources
    + Limits of a running container are changed, such as when a pod is resized.
    - Without it a pod would have to be restarted to get more memory.
    + Limites de um contêiner em execução são mudados, como quando um pod é redimensionado.
    - Sem isso um pod teria de reiniciar para ganhar memória.

    = runtime.v1.RuntimeService/ExecSync
    + A command is run in a container and its output awaited: this is how exec probes work.
    - Without it the kubelet could not ask a container from inside whether it is well.
    + Um comando roda num contêiner e espera-se sua saída: assim funcionam as probes do tipo exec.
    - Sem isso o kubelet não perguntaria por dentro se um contêiner vai bem.

    = runtime.v1.RuntimeService/Exec
    + The runtime prepares an address to which kubectl exec then connects its streams.
    - Without it interactive sessions would have to run through the kubelet's own protocol.
    + O runtime prepara um endereço ao qual o kubectl exec liga então seus fluxos.
    - Sem isso sessões interativas teriam de passar pelo protocolo do próprio kubelet.

    = runtime.v1.RuntimeService/Attach
    + The runtime prepares an address at which the streams of a container's own program are to be had.
    - Without it kubectl attach could only read the log.
    + O runtime prepara um endereço onde se obtêm os fluxos do programa do próprio contêiner.
    - Sem isso o kubectl attach só leria o log.

    = runtime.v1.RuntimeService/PortForward
    + The runtime prepares a tunnel to a port of the pod.
    - Without it kubectl port-forward would need a published port.
    + O runtime prepara um túnel até uma porta do pod.
    - Sem isso o kubectl port-forward precisaria de uma porta publicada.

    = runtime.v1.RuntimeService/ContainerStats
    + The kubelet asks for one container's use of CPU and memory.
    - Without it kubectl top and autoscaling would be blind for it.
    + O kubelet pergunta o uso de CPU e memória de um contêiner.
    - Sem isso kubectl top e o autoscaling ficariam cegos para ele.

    = runtime.v1.RuntimeService/ListContainerStats
    + The kubelet asks for the use of all containers at once.
    - Without it a node with a hundred pods would need a hundred questions every few seconds.
    + O kubelet pergunta de uma vez o uso de todos os contêineres.
    - Sem isso um nó com cem pods exigiria cem perguntas a cada poucos segundos.

    = runtime.v1.RuntimeService/ReopenContainerLog
    + The runtime is told that the log file has been rotated.
    - Without it the container would go on writing into the renamed file.
    + O runtime é avisado de que o arquivo de log foi rotacionado.
    - Sem isso o contêiner continuaria gravando no arquivo renomeado.

    = runtime.v1.RuntimeService/UpdateRuntimeConfig
    + The kubelet tells the runtime the node's range of pod addresses.
    - Without it the network plugin would not know which addresses to give.
    + O kubelet diz ao runtime a faixa de endereços de pods do nó.
    - Sem isso o plugin de rede não saberia que endereços distribuir.

    = runtime.v1.RuntimeService/GetContainerEvents
    + The kubelet subscribes to what happens to containers.
    - Without it it would have to list everything every second.
    + O kubelet assina o que acontece com os contêineres.
    - Sem isso teria de listar tudo a cada segundo.

    = runtime.v1.RuntimeService/RuntimeConfig
    + The kubelet asks which cgroup driver the runtime uses.
    - Without it the two could disagree and put a pod into two cgroup trees.
    + O kubelet pergunta que driver de cgroup o runtime usa.
    - Sem isso os dois poderiam discordar e pôr um pod em duas árvores de cgroups.

    = runtime.v1.ImageService/PullImage
    + The kubelet has an image pulled, with the pull secret of the pod; the runtime does it itself, with a library,
      and without dockerd.
    - Without it the container could not be created on a node that never had the image.
    + O kubelet manda baixar uma imagem, com o pull secret do pod; o próprio runtime o faz, com uma biblioteca e sem
      dockerd.
    - Sem isso o contêiner não seria criado num nó que nunca teve a imagem.

    = runtime.v1.ImageService/ImageStatus
    + The kubelet asks whether an image is on the node already: IfNotPresent is this question.
    - Without it every start of a pod would ask the registry.
    + O kubelet pergunta se uma imagem já está no nó: IfNotPresent é essa pergunta.
    - Sem isso cada início de um pod consultaria o registry.

    = runtime.v1.ImageService/ListImages
    + The kubelet asks which images the node has, also for the scheduler, which likes nodes that have them.
    - Without it nobody could choose what to delete when the disk is full.
    + O kubelet pergunta que imagens o nó tem, também para o scheduler, que prefere nós que já as têm.
    - Sem isso ninguém escolheria o que apagar quando o disco enche.

    = runtime.v1.ImageService/RemoveImage
    + The kubelet deletes an image that it has not used for long.
    - Without it a node would collect every version of every image.
    + O kubelet apaga uma imagem que não usa há muito tempo.
    - Sem isso um nó acumularia toda versão de toda imagem.

    = runtime.v1.ImageService/ImageFsInfo
    + The kubelet asks how full the disk is on which images are kept.
    - Without it it would not notice in time that it must clean up.
    + O kubelet pergunta quão cheio está o disco em que ficam as imagens.
    - Sem isso não notaria a tempo que precisa limpar.
    """
}
