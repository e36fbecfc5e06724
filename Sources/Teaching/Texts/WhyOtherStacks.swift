extension WhyTexts {
  /// conmon, podman, the docker daemon before 1.11, Fargate.
  static let otherStacks = """
    = conmon create
    + The engine executes conmon, which executes the runtime's create and stays: it holds the container's streams,
      writes its log and keeps its exit status, as the shim does under containerd.
    - Without it the engine itself would have to live as long as each of its containers, and podman has no daemon.
    + O motor executa o conmon, que executa o create do runtime e fica: segura os fluxos do contêiner, grava o log e
      guarda o status de saída, como o shim sob o containerd.
    - Sem isso o próprio motor teria de viver tanto quanto cada contêiner, e o podman não tem daemon.

    = conmon exec
    + A second conmon is executed for a process in a running container, which it starts through the runtime's exec and
      watches.
    - Without it nobody would hold the streams of that process or know how it ended.
    + Um segundo conmon é executado para um processo num contêiner em execução; ele o inicia pelo exec do runtime e o
      vigia.
    - Sem isso ninguém seguraria os fluxos desse processo nem saberia como terminou.

    = conmon attach
    + The engine connects to conmon's socket, over which the container's streams are to be had.
    - Without it a container that runs in the background could not be attached to any more.
    + O motor se liga ao socket do conmon, por onde passam os fluxos do contêiner.
    - Sem isso não se poderia mais conectar a um contêiner em segundo plano.

    = conmon exit
    + conmon saw its container end, wrote the exit status into a file and calls the engine to clean up.
    - Without it podman, of which nothing runs then, would never learn of the end.
    + O conmon viu seu contêiner terminar, gravou o status de saída num arquivo e chama o motor para limpar.
    - Sem isso o podman, do qual nada roda nessa hora, nunca saberia do fim.

    = podman run
    + The client itself is the engine: one process pulls the image, makes storage and network, and executes conmon. No
      request goes to any daemon.
    - Without a daemon there is nothing that must run as root all the time, and nothing that takes all containers down
      with it.
    + O próprio cliente é o motor: um só processo baixa a imagem, cria armazenamento e rede e executa o conmon. Nenhum
      pedido vai a daemon algum.
    - Sem daemon nada precisa rodar como root o tempo todo, e nada derruba todos os contêineres consigo.

    = podman create
    + podman writes the container's record and config.json and makes its layer, all in its own process.
    - Without it podman start would have nothing to start.
    + O podman grava o registro do contêiner e o config.json e cria a camada, tudo no próprio processo.
    - Sem isso o podman start não teria o que iniciar.

    = podman start
    + podman mounts the root file system, sets the network up and executes conmon for a container that is there
      already.
    - Without it a stopped container could only be created anew.
    + O podman monta o sistema de arquivos raiz, prepara a rede e executa o conmon para um contêiner já existente.
    - Sem isso um contêiner parado só poderia ser recriado.

    = podman stop
    + podman has the runtime send the stop signal, waits, and then kills.
    - Without it a container would have to be found and killed by its pid.
    + O podman manda o runtime enviar o sinal de parada, espera e então mata.
    - Sem isso seria preciso achar o contêiner pelo pid e matá-lo.

    = podman kill
    + podman has the runtime send one signal to the container.
    - Without it only the polite end of podman stop would be left.
    + O podman manda o runtime enviar um sinal ao contêiner.
    - Sem isso só restaria o fim educado do podman stop.

    = podman rm
    + podman deletes the container's record, layer and leftovers.
    - Without it nobody would, for there is no daemon to clean up later.
    + O podman apaga o registro, a camada e as sobras do contêiner.
    - Sem isso ninguém apagaria, pois não há daemon que limpe depois.

    = podman exec
    + podman executes one more conmon, which runs a command in the container.
    - Without it one could not look into a running container.
    + O podman executa mais um conmon, que roda um comando no contêiner.
    - Sem isso não se olharia dentro de um contêiner em execução.

    = podman ps
    + podman reads its own database and asks the runtime; there is nobody else who would know.
    - Without it containers in the background would be out of sight.
    + O podman lê seu próprio banco de dados e pergunta ao runtime; não há mais ninguém que saiba.
    - Sem isso contêineres em segundo plano sumiriam de vista.

    = podman logs
    + podman reads the file into which conmon writes what the container says.
    - Without it the output would be on disk, but nobody could tell its streams apart.
    + O podman lê o arquivo em que o conmon grava o que o contêiner diz.
    - Sem isso a saída estaria no disco, mas ninguém separaria seus fluxos.

    = podman pull
    + podman itself speaks with the registry and unpacks the layers into its storage, in the user's home when it is
      not root.
    - Without it images would have to come from a daemon.
    + O próprio podman fala com o registry e desempacota as camadas em seu armazenamento, na pasta do usuário quando
      não é root.
    - Sem isso as imagens teriam de vir de um daemon.

    = podman images
    + podman lists what is in its own storage, which each user has apart.
    - Without it nobody would see that root's images are not one's own.
    + O podman lista o que há em seu próprio armazenamento, que cada usuário tem separado.
    - Sem isso ninguém veria que as imagens do root não são as suas.

    = podman rmi
    + podman deletes an image from its own storage.
    - Without it each user's disk would fill by itself.
    + O podman apaga uma imagem do próprio armazenamento.
    - Sem isso o disco de cada usuário encheria por conta própria.

    = libcontainer create
    + The docker daemon of before 1.11 calls libcontainer, a library inside its own process, which makes namespaces,
      cgroup and mounts. No exec, no shim.
    - Without the later split into containerd, shim and runC, every upgrade of the daemon meant stopping all
      containers.
    + O daemon docker de antes da 1.11 chama a libcontainer, uma biblioteca no próprio processo, que cria namespaces,
      cgroup e montagens. Sem exec, sem shim.
    - Sem a divisão posterior em containerd, shim e runC, cada atualização do daemon parava todos os contêineres.

    = libcontainer start
    + The library lets the program run, as a child of the daemon itself.
    - Without a process between them, the daemon is the one who waits for the container, and takes it along when it
      dies.
    + A biblioteca deixa o programa rodar, como filho do próprio daemon.
    - Sem um processo entre eles, é o daemon quem espera o contêiner e o leva junto quando morre.

    = libcontainer exec
    + The library starts one more process in the container's namespaces, again as the daemon's child.
    - Without it docker exec, new in version 1.3, would not have been possible.
    + A biblioteca inicia mais um processo nos namespaces do contêiner, de novo como filho do daemon.
    - Sem isso o docker exec, novidade da versão 1.3, não teria sido possível.

    = libcontainer signal
    + The daemon signals its child through the library.
    - Without it stop and kill would not reach the program.
    + O daemon sinaliza seu filho pela biblioteca.
    - Sem isso stop e kill não chegariam ao programa.

    = libcontainer destroy
    + The library removes the cgroup and the state of an ended container.
    - Without it they would stay until the daemon's own end.
    + A biblioteca remove o cgroup e o estado de um contêiner terminado.
    - Sem isso eles ficariam até o fim do próprio daemon.

    = libcontainer pause
    + The library freezes the container's cgroup from inside the daemon.
    - Without it docker pause would have nobody to ask, for there was no runtime to execute.
    + A biblioteca congela o cgroup do contêiner a partir do daemon.
    - Sem isso o docker pause não teria a quem pedir, pois não havia runtime a executar.

    = libcontainer resume
    + The library thaws the container's cgroup again.
    - Without it only a kill would have ended the pause.
    + A biblioteca descongela o cgroup do contêiner.
    - Sem isso só um kill acabaria com a pausa.

    = libcontainer set
    + The library writes changed limits into the cgroup.
    - Without it docker update, which came with 1.10, could not act on a running container.
    + A biblioteca grava limites alterados no cgroup.
    - Sem isso o docker update, que veio na 1.10, não agiria num contêiner em execução.

    = libcontainer stats
    + The library reads the cgroup's counters for docker stats.
    - Without it the daemon would know as little of its children's use as any parent.
    + A biblioteca lê os contadores do cgroup para o docker stats.
    - Sem isso o daemon saberia tão pouco do uso dos filhos quanto qualquer pai.

    = libcontainer processes
    + The library lists the pids in the container's cgroup.
    - Without it docker top would show the first process only.
    + A biblioteca lista os pids do cgroup do contêiner.
    - Sem isso o docker top mostraria só o primeiro processo.

    = libcontainer state
    + The library tells how a container stands, from its state file and its processes.
    - Without it a daemon that comes up again could not find out what its former life left running.
    + A biblioteca conta como está um contêiner, pelo arquivo de estado e pelos processos.
    - Sem isso um daemon que volta não descobriria o que sua vida anterior deixou rodando.

    = graphdriver create
    + The old daemon's storage driver makes a layer of its own kind for the container, by ids of its own and not by
      digests.
    - Without it the image would be there, but no place to write in.
    + O driver de armazenamento do daemon antigo cria uma camada à sua maneira para o contêiner, por ids próprios e
      não por digests.
    - Sem isso a imagem estaria ali, mas sem lugar onde gravar.

    = graphdriver get
    + The storage driver mounts a layer with all below it and says where.
    - Without it the container would have no root file system.
    + O driver de armazenamento monta uma camada com tudo o que há abaixo dela e diz onde.
    - Sem isso o contêiner não teria sistema de arquivos raiz.

    = graphdriver put
    + The storage driver may unmount a layer that nobody uses any more.
    - Without it mounts would pile up with each run.
    + O driver de armazenamento pode desmontar uma camada que ninguém usa mais.
    - Sem isso montagens se acumulariam a cada execução.

    = graphdriver remove
    + The storage driver deletes a layer.
    - Without it the files of removed containers would remain on the disk.
    + O driver de armazenamento apaga uma camada.
    - Sem isso os arquivos de contêineres removidos restariam no disco.

    = graphdriver applydiff
    + The storage driver unpacks a downloaded layer onto the one below.
    - Without it the daemon would have tars instead of a file system.
    + O driver de armazenamento desempacota uma camada baixada sobre a de baixo.
    - Sem isso o daemon teria tars em vez de um sistema de arquivos.

    = ecs RunTask
    + The control plane of ECS tells the Fargate agent which task to run; each task has a micro virtual machine of its
      own.
    - Without it somebody would have to own and patch the servers that containers run on.
    + O plano de controle do ECS diz ao agente do Fargate que task rodar; cada task tem sua própria micro máquina
      virtual.
    - Sem isso alguém teria de manter e atualizar os servidores em que os contêineres rodam.

    = ecs StopTask
    + The control plane of ECS tells the agent to end a task: its containers are stopped, and the micro virtual
      machine is thrown away.
    - Without it a service could be scaled up but never down.
    + O plano de controle do ECS manda o agente encerrar uma task: os contêineres param, e a micro máquina virtual é
      descartada.
    - Sem isso um serviço poderia crescer, mas nunca diminuir.

    = ecs SubmitTaskStateChange
    + The agent reports to ECS that a task has started or ended.
    - Without it the service would not know that it must replace a task.
    + O agente informa ao ECS que uma task começou ou terminou.
    - Sem isso o serviço não saberia que precisa substituir uma task.
    """
}
