extension WhyTexts {
  /// dockerd → containerd: containers, tasks, events, namespaces.
  static let containerdTasks = """
    = containerd.services.containers.v1.Containers/Create
    + dockerd gives containerd the container's record: OCI config, snapshot, runtime, labels. It is metadata; no
      process exists yet.
    - Without it there would be nothing for a task to be created from.
    + O dockerd dá ao containerd o registro do contêiner: config OCI, snapshot, runtime, rótulos. São metadados; ainda
      não há processo.
    - Sem isso não haveria de onde criar uma task.

    = containerd.services.containers.v1.Containers/Get
    + The caller reads a container's record, above all to find its runtime and config.
    - Without it a restarted dockerd could not find its containers again.
    + Quem chama lê o registro de um contêiner, sobretudo para achar o runtime e a config.
    - Sem isso um dockerd reiniciado não reencontraria seus contêineres.

    = containerd.services.containers.v1.Containers/List
    + The caller asks for all containers of its namespace.
    - Without it leftovers of an earlier life of the daemon would never be seen.
    + Quem chama pede todos os contêineres do seu namespace.
    - Sem isso sobras de uma vida anterior do daemon nunca seriam vistas.

    = containerd.services.containers.v1.Containers/Update
    + A container's record is changed, as labels or the config for the next start.
    - Without it a change would need a new record, and whoever points at the old one would lose it.
    + O registro de um contêiner é alterado, como rótulos ou a config do próximo início.
    - Sem isso uma mudança exigiria um registro novo, e quem aponta para o antigo o perderia.

    = containerd.services.containers.v1.Containers/Delete
    + The record goes when the container has ended for dockerd; the snapshot is dockerd's to decide about.
    - Without it the next start under the same id would be refused: already exists.
    + O registro some quando, para o dockerd, o contêiner acabou; sobre o snapshot quem decide é o dockerd.
    - Sem isso o próximo início com o mesmo id seria recusado: já existe.

    = containerd.services.tasks.v1.Tasks/Create
    + containerd is asked for the process: it starts a shim, and the shim lets the runtime prepare everything up to
      the last step before the program.
    - Without this stop between create and start, the network could not be set up in namespaces that exist while the
      program does not run yet.
    + Pede-se ao containerd o processo: ele inicia um shim, e o shim manda o runtime preparar tudo até o último passo
      antes do programa.
    - Sem essa parada entre create e start, a rede não poderia ser montada em namespaces que já existem com o programa
      ainda parado.

    = containerd.services.tasks.v1.Tasks/Start
    + The prepared process is let go: now the program of the image really runs.
    - Without it the container would wait for ever at its FIFO, one step before execve.
    + O processo preparado é liberado: agora o programa da imagem roda de verdade.
    - Sem isso o contêiner esperaria para sempre em seu FIFO, a um passo do execve.

    = containerd.services.tasks.v1.Tasks/Delete
    + The ended task is cleaned up: the runtime removes cgroup and state, the shim ends, and the exit status is handed
      over.
    - Without it each ended container would leave a shim process and a cgroup behind.
    + A task terminada é limpa: o runtime remove cgroup e estado, o shim termina e o status de saída é entregue.
    - Sem isso cada contêiner terminado deixaria para trás um processo shim e um cgroup.

    = containerd.services.tasks.v1.Tasks/DeleteProcess
    + The rest of an ended exec process is removed from the shim, and its exit status is read.
    - Without it the shim would keep an entry for every command ever executed.
    + O resto de um processo de exec terminado é removido do shim, e seu status de saída é lido.
    - Sem isso o shim guardaria uma entrada para cada comando já executado.

    = containerd.services.tasks.v1.Tasks/Get
    + The caller asks for the state and pid of a task.
    - Without it dockerd could not tell after its own restart whether the container still runs.
    + Quem chama pergunta o estado e o pid de uma task.
    - Sem isso o dockerd não saberia, depois de reiniciar, se o contêiner ainda roda.

    = containerd.services.tasks.v1.Tasks/List
    + The caller asks for all tasks of the namespace with their states.
    - Without it a client would have to know every container's id to see what runs.
    + Quem chama pede todas as tasks do namespace com seus estados.
    - Sem isso um cliente teria de saber o id de cada contêiner para ver o que roda.

    = containerd.services.tasks.v1.Tasks/Kill
    + A signal is to reach the container's first process, an exec process, or all of them.
    - Without it dockerd would have to signal pids itself, which may belong to somebody else by then.
    + Um sinal deve chegar ao primeiro processo do contêiner, a um processo de exec ou a todos.
    - Sem isso o dockerd teria de sinalizar pids por conta própria, e eles podem já ser de outro.

    = containerd.services.tasks.v1.Tasks/Exec
    + One more process is registered for a running task: its command, user and streams.
    - Without it nothing could be run inside a container beside its own program.
    + Mais um processo é registrado para uma task em execução: comando, usuário e fluxos.
    - Sem isso nada rodaria dentro de um contêiner além do próprio programa.

    = containerd.services.tasks.v1.Tasks/ResizePty
    + The size of the terminal window goes on to the shim, which holds the terminal's other end.
    - Without it the program would go on drawing for the old window.
    + O tamanho da janela do terminal segue para o shim, que segura a outra ponta do terminal.
    - Sem isso o programa continuaria desenhando para a janela antiga.

    = containerd.services.tasks.v1.Tasks/CloseIO
    + The caller says that no more input will come: the program reads the end of its stdin.
    - Without it echo hi | docker run -i alpine cat would never end.
    + Quem chama diz que não virá mais entrada: o programa lê o fim do seu stdin.
    - Sem isso echo hi | docker run -i alpine cat nunca terminaria.

    = containerd.services.tasks.v1.Tasks/Pause
    + All processes of the task are to be frozen.
    - Without it a consistent backup of a running container would need its program's help.
    + Todos os processos da task devem ser congelados.
    - Sem isso um backup consistente de um contêiner em execução dependeria da ajuda do programa.

    = containerd.services.tasks.v1.Tasks/Resume
    + The frozen processes of the task are to go on.
    - Without it pausing a task would be a way of no return.
    + Os processos congelados da task devem continuar.
    - Sem isso pausar uma task seria um caminho sem volta.

    = containerd.services.tasks.v1.Tasks/ListPids
    + The caller asks for the host's pids of all processes in the container.
    - Without it docker top would not know which of the host's processes to show.
    + Quem chama pede os pids, na máquina, de todos os processos do contêiner.
    - Sem isso o docker top não saberia quais processos da máquina mostrar.

    = containerd.services.tasks.v1.Tasks/Metrics
    + The caller asks for the numbers of the task's cgroup.
    - Without it every tool would have to find the cgroup's folder and know both of its versions.
    + Quem chama pede os números do cgroup da task.
    - Sem isso cada ferramenta teria de achar a pasta do cgroup e conhecer suas duas versões.

    = containerd.services.tasks.v1.Tasks/Update
    + New limits go down to a running task.
    - Without it docker update could only change what holds at the next start.
    + Novos limites descem para uma task em execução.
    - Sem isso o docker update só mudaria o que vale no próximo início.

    = containerd.services.tasks.v1.Tasks/Wait
    + The caller waits for the task's end; the answer is its exit status.
    - Without it one would have to ask for the state in a loop.
    + Quem chama espera o fim da task; a resposta é o status de saída.
    - Sem isso seria preciso perguntar o estado em laço.

    = containerd.services.events.v1.Events/Subscribe
    + dockerd listens to containerd's events: created, started, exited, out of memory.
    - Without it dockerd would not learn that a container ended, and no restart policy would ever act.
    + O dockerd escuta os eventos do containerd: criado, iniciado, terminado, sem memória.
    - Sem isso o dockerd não saberia que um contêiner terminou, e nenhuma política de reinício agiria.

    = containerd.services.events.v1.Events/Publish
    + A part puts an event on containerd's bus for all who listen.
    - Without it listeners would hear only of what containerd does itself.
    + Uma peça põe um evento no barramento do containerd para todos que escutam.
    - Sem isso os ouvintes só saberiam do que o próprio containerd faz.

    = containerd.services.events.v1.Events/Forward
    + The shim tells containerd what happened in its container, above all that the process ended.
    - Without it an exit would be noticed only when somebody asks.
    + O shim conta ao containerd o que aconteceu no seu contêiner, sobretudo que o processo terminou.
    - Sem isso um fim só seria notado quando alguém perguntasse.

    = containerd.services.namespaces.v1.Namespaces/Create
    + A containerd namespace is made: dockerd's is moby, Kubernetes' k8s.io. They share blobs but do not see each
      other's names.
    - Without it two clients of one containerd would remove each other's containers.
    + Cria-se um namespace do containerd: o do dockerd é moby, o do Kubernetes, k8s.io. Eles dividem blobs, mas não
      veem os nomes uns dos outros.
    - Sem isso dois clientes do mesmo containerd removeriam os contêineres um do outro.

    = containerd.services.namespaces.v1.Namespaces/Get
    + The caller asks whether a namespace of containerd exists, and for its labels.
    - Without it a client could not read the defaults that an administrator put there.
    + Quem chama pergunta se um namespace do containerd existe, e por seus rótulos.
    - Sem isso um cliente não leria os padrões que um administrador pôs ali.

    = containerd.services.namespaces.v1.Namespaces/List
    + The caller asks for all namespaces of containerd.
    - Without it one could not see who else uses the same containerd.
    + Quem chama pede todos os namespaces do containerd.
    - Sem isso não se veria quem mais usa o mesmo containerd.

    = containerd.services.namespaces.v1.Namespaces/Delete
    + An empty namespace of containerd is removed.
    - Without it names of clients that are gone would stay for ever.
    + Um namespace vazio do containerd é removido.
    - Sem isso nomes de clientes que já se foram ficariam para sempre.

    = containerd.services.introspection.v1.Introspection/Plugins
    + The caller asks which plugins containerd has loaded: snapshotters, runtimes, and what each can do.
    - Without it dockerd would find out only by a failure that its snapshotter is not there.
    + Quem chama pergunta que plugins o containerd carregou: snapshotters, runtimes, e o que cada um sabe fazer.
    - Sem isso o dockerd só descobriria por uma falha que seu snapshotter não está lá.

    = containerd.services.introspection.v1.Introspection/Server
    + The caller asks for the id of this containerd, its pid and its warnings.
    - Without it a client could not notice that it speaks with another containerd than before.
    + Quem chama pede o id deste containerd, seu pid e seus avisos.
    - Sem isso um cliente não notaria que fala com outro containerd.

    = containerd.services.version.v1.Version/Version
    + The caller asks for containerd's version; docker version shows it.
    - Without it one could not tell from the client which containerd does the work.
    + Quem chama pede a versão do containerd; o docker version a mostra.
    - Sem isso não se saberia, pelo cliente, qual containerd faz o trabalho.

    = containerd.services.tasks.v1.Tasks/Checkpoint
    + The caller has a running task written to disk, to go on from there later.
    - Without it the state in a program's memory would be lost with every move to another host.
    + Quem chama manda gravar em disco uma task em execução, para continuar dali depois.
    - Sem isso o estado na memória de um programa se perderia a cada mudança de máquina.
    """
}
