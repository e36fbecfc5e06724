extension WhyTexts {
  /// shim → runC, crun, railcar: the verbs of an OCI runtime.
  static let runtime = """
    = runtime create
    + The runtime reads config.json and prepares all of it: namespaces, mounts, cgroup, capabilities, seccomp. The new
      process then waits at a FIFO, one step before the program, and the runtime is gone.
    - Without a separate create nobody could set up the network or run hooks between the making of the namespaces and
      the start of the program.
    + O runtime lê o config.json e prepara tudo: namespaces, montagens, cgroup, capabilities, seccomp. O novo processo
      espera então num FIFO, a um passo do programa, e o runtime some.
    - Sem um create separado ninguém montaria a rede nem rodaria hooks entre a criação dos namespaces e o início do
      programa.

    = runtime start
    + The runtime opens the FIFO at which the prepared process waits; the process wakes up and calls execve: now it is
      the program of the image.
    - Without it the container would remain in the state created.
    + O runtime abre o FIFO em que o processo preparado espera; o processo acorda e chama execve: agora ele é o
      programa da imagem.
    - Sem isso o contêiner permaneceria no estado created.

    = runtime run
    + The runtime does create and start in one, and stays until the program ends: the form for people at a terminal.
    - Without it somebody who tries a bundle by hand would have to type three commands.
    + O runtime faz create e start de uma vez e fica até o programa terminar: a forma para pessoas num terminal.
    - Sem isso quem testa um bundle à mão teria de digitar três comandos.

    = runtime exec
    + The runtime starts one more process in the namespaces and the cgroup of a running container: it joins them with
      setns instead of making new ones.
    - Without it docker exec would not exist; one would have to run ssh inside.
    + O runtime inicia mais um processo nos namespaces e no cgroup de um contêiner em execução: entra neles com setns
      em vez de criar novos.
    - Sem isso não haveria docker exec; seria preciso rodar ssh lá dentro.

    = runtime kill
    + The runtime sends a signal to the container's first process, or to all of them.
    - Without it the caller would have to know pids; the runtime's state has the right one.
    + O runtime envia um sinal ao primeiro processo do contêiner, ou a todos.
    - Sem isso quem chama teria de conhecer pids; o certo está no estado do runtime.

    = runtime delete
    + The runtime removes what it made for an ended container: the cgroup and its state folder; hooks for the end run.
    - Without it the cgroup would stay, and a new container of the same id would be refused.
    + O runtime remove o que fez para um contêiner terminado: o cgroup e a pasta de estado; rodam os hooks do fim.
    - Sem isso o cgroup ficaria, e um novo contêiner com o mesmo id seria recusado.

    = runtime state
    + The runtime prints the container's state: created, running, stopped, with its pid and bundle.
    - Without it no tool but the one that made the container could find out about it.
    + O runtime imprime o estado do contêiner: created, running, stopped, com o pid e o bundle.
    - Sem isso só a ferramenta que criou o contêiner saberia dele.

    = runtime list
    + The runtime lists the containers whose state is below its root folder.
    - Without it leftovers of a crash could not be found at the lowest level.
    + O runtime lista os contêineres cujo estado está abaixo da sua pasta raiz.
    - Sem isso sobras de uma queda não seriam achadas no nível mais baixo.

    = runtime ps
    + The runtime lists the processes in the container's cgroup.
    - Without it the shim would have to read the cgroup's files itself.
    + O runtime lista os processos do cgroup do contêiner.
    - Sem isso o shim teria de ler os arquivos do cgroup por conta própria.

    = runtime pause
    + The runtime writes to the cgroup's freezer, and the kernel stops every process of the container.
    - Without it freezing would have to be done process by process, while new ones come up.
    + O runtime escreve no freezer do cgroup, e o kernel para todos os processos do contêiner.
    - Sem isso o congelamento seria feito processo a processo, enquanto surgem outros novos.

    = runtime resume
    + The runtime opens the freezer of the cgroup again.
    - Without it the container would be frozen until the machine is restarted.
    + O runtime reabre o freezer do cgroup.
    - Sem isso o contêiner ficaria congelado até a máquina reiniciar.

    = runtime update
    + The runtime writes new limits into the files of the container's cgroup.
    - Without it each tool would have to know the files of cgroup v1 and v2.
    + O runtime grava novos limites nos arquivos do cgroup do contêiner.
    - Sem isso cada ferramenta teria de conhecer os arquivos de cgroup v1 e v2.

    = runtime events
    + The runtime prints the cgroup's counters, once or again and again, and tells when memory runs out.
    - Without it the use of a container that no engine manages could not be watched.
    + O runtime imprime os contadores do cgroup, uma vez ou repetidamente, e avisa quando falta memória.
    - Sem isso não se observaria o uso de um contêiner que nenhum motor administra.

    = runtime spec
    + The runtime writes a config.json to begin with.
    - Without it one would have to write the hundred lines of a working configuration from memory.
    + O runtime escreve um config.json para servir de ponto de partida.
    - Sem isso seria preciso escrever de cabeça as cem linhas de uma configuração que funciona.

    = runtime features
    + The runtime tells what it can do: which namespaces, mount options, hooks, seccomp actions.
    - Without it an engine would find out by failing.
    + O runtime conta o que sabe fazer: quais namespaces, opções de montagem, hooks, ações de seccomp.
    - Sem isso um motor só descobriria falhando.

    = runtime checkpoint
    + The runtime has CRIU freeze the processes and write them to disk.
    - Without it a running container could only be stopped, never put to sleep and carried away.
    + O runtime manda o CRIU congelar os processos e gravá-los em disco.
    - Sem isso um contêiner em execução só poderia ser parado, nunca adormecido e levado embora.

    = runtime restore
    + The runtime has CRIU bring processes back from disk into new namespaces.
    - Without it a checkpoint would be a photograph and not a way back.
    + O runtime manda o CRIU trazer processos do disco de volta em novos namespaces.
    - Sem isso um checkpoint seria uma fotografia, e não um caminho de volta.

    = runtime --version
    + dockerd asks the runtime's program for its version, to show it in docker info.
    - Without it nobody could see which runtime is installed before a container starts.
    + O dockerd pergunta a versão ao programa do runtime, para mostrá-la no docker info.
    - Sem isso ninguém veria qual runtime está instalado antes de um contêiner iniciar.
    """
}
