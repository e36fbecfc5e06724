extension WhyTexts {
  /// containerd → shim: its executable, and `containerd.task.v3.Task`.
  static let shim = """
    = containerd-shim start
    + containerd executes the shim's program, which starts the real shim as an orphan of its own and prints its
      socket. From now on this small process, not containerd, is the container's parent.
    - Without the shim every container would be containerd's child, and would lose its streams and its parent when
      containerd is restarted.
    + O containerd executa o programa do shim, que inicia o shim de verdade como órfão independente e imprime seu
      socket. Daqui em diante esse pequeno processo, e não o containerd, é o pai do contêiner.
    - Sem o shim todo contêiner seria filho do containerd e perderia seus fluxos e seu pai quando o containerd
      reiniciasse.

    = containerd-shim delete
    + containerd executes the shim's program once more to clean up for a shim that died or is done: it has the runtime
      delete the container, and unmounts.
    - Without it a crashed shim would leave a cgroup, mounts and perhaps processes that nobody owns.
    + O containerd executa o programa do shim outra vez para limpar o que um shim morto ou encerrado deixou: manda o
      runtime apagar o contêiner e desmonta.
    - Sem isso um shim que caiu deixaria um cgroup, montagens e talvez processos sem dono.

    = containerd.task.v3.Task/Create
    + containerd asks the shim to prepare the container: the shim mounts the root file system, opens the streams and
      executes the runtime's create.
    - Without it the shim would be an empty process with a socket.
    + O containerd pede ao shim que prepare o contêiner: o shim monta o sistema de arquivos raiz, abre os fluxos e
      executa o create do runtime.
    - Sem isso o shim seria um processo vazio com um socket.

    = containerd.task.v3.Task/Start
    + The shim is told to let the program run: it executes the runtime's start, or exec for an exec process.
    - Without it the prepared process would sleep at the exec FIFO.
    + O shim recebe a ordem de deixar o programa rodar: executa o start do runtime, ou exec para um processo de exec.
    - Sem isso o processo preparado dormiria no FIFO de exec.

    = containerd.task.v3.Task/State
    + containerd asks the shim for status, pid and streams of a process; the shim knows, since it is the parent.
    - Without it containerd would trust its own memory, which it does not have after a restart.
    + O containerd pergunta ao shim o status, o pid e os fluxos de um processo; o shim sabe, porque é o pai.
    - Sem isso o containerd confiaria na própria memória, que não existe depois de reiniciar.

    = containerd.task.v3.Task/Connect
    + containerd asks the shim for its own pid, its version and the task's pid, when it meets it again.
    - Without it containerd could not take over the shims that lived through its restart.
    + O containerd pergunta ao shim o pid dele, sua versão e o pid da task, ao reencontrá-lo.
    - Sem isso o containerd não retomaria os shims que sobreviveram ao seu reinício.

    = containerd.task.v3.Task/Kill
    + The shim is to deliver a signal: it executes the runtime's kill for the first process, and signals exec
      processes itself.
    - Without it docker stop would end at containerd's door.
    + O shim deve entregar um sinal: executa o kill do runtime para o primeiro processo e sinaliza ele mesmo os de
      exec.
    - Sem isso o docker stop pararia na porta do containerd.

    = containerd.task.v3.Task/Delete
    + The shim executes the runtime's delete, unmounts the root file system, and gives the exit status back.
    - Without it the state folder of the runtime and the cgroup would remain after each container.
    + O shim executa o delete do runtime, desmonta o sistema de arquivos raiz e devolve o status de saída.
    - Sem isso a pasta de estado do runtime e o cgroup restariam depois de cada contêiner.

    = containerd.task.v3.Task/Exec
    + The shim notes one more process to come in its container and opens its streams.
    - Without it there would be no place for the new process's terminal and exit status.
    + O shim anota mais um processo que virá em seu contêiner e abre seus fluxos.
    - Sem isso não haveria lugar para o terminal e o status de saída do novo processo.

    = containerd.task.v3.Task/Wait
    + containerd waits at the shim for a process's end; the shim answers with the status that wait(2) gave it.
    - Without it the exit status would be known to the shim alone.
    + O containerd espera, junto ao shim, o fim de um processo; o shim responde com o status que recebeu de wait(2).
    - Sem isso só o shim conheceria o status de saída.

    = containerd.task.v3.Task/Pids
    + containerd asks the shim which processes are in the container's cgroup.
    - Without it a list of the container's processes would miss those that its program started.
    + O containerd pergunta ao shim quais processos estão no cgroup do contêiner.
    - Sem isso uma lista dos processos do contêiner perderia os que o programa iniciou.

    = containerd.task.v3.Task/Pause
    + The shim has the runtime freeze the container's cgroup.
    - Without it containerd would have to know cgroups itself, in each version and for each runtime.
    + O shim manda o runtime congelar o cgroup do contêiner.
    - Sem isso o containerd teria de entender de cgroups por conta própria, em cada versão e para cada runtime.

    = containerd.task.v3.Task/Resume
    + The shim has the runtime thaw the container's cgroup.
    - Without it the frozen processes would stay where they are, and no signal would reach them.
    + O shim manda o runtime descongelar o cgroup do contêiner.
    - Sem isso os processos congelados ficariam onde estão, e nenhum sinal chegaria a eles.

    = containerd.task.v3.Task/ResizePty
    + The shim sets the size of the terminal whose master end it holds.
    - Without it the kernel would never send the program its SIGWINCH.
    + O shim ajusta o tamanho do terminal cuja ponta mestre ele segura.
    - Sem isso o kernel nunca mandaria o SIGWINCH ao programa.

    = containerd.task.v3.Task/CloseIO
    + The shim closes its end of the program's stdin.
    - Without it a program that reads to the end of its input would wait for ever.
    + O shim fecha sua ponta do stdin do programa.
    - Sem isso um programa que lê até o fim da entrada esperaria para sempre.

    = containerd.task.v3.Task/Update
    + The shim hands new limits to the runtime.
    - Without it limits would be fixed for the life of a process.
    + O shim passa novos limites ao runtime.
    - Sem isso os limites ficariam fixos por toda a vida de um processo.

    = containerd.task.v3.Task/Stats
    + containerd asks the shim for the counters of the container's cgroup.
    - Without it docker stats would show dashes.
    + O containerd pede ao shim os contadores do cgroup do contêiner.
    - Sem isso o docker stats mostraria traços.

    = containerd.task.v3.Task/Checkpoint
    + The shim has the runtime write the container's processes to disk with CRIU.
    - Without it a container could not be moved to another host in the middle of its work.
    + O shim manda o runtime gravar em disco os processos do contêiner com o CRIU.
    - Sem isso um contêiner não poderia mudar de máquina no meio do trabalho.

    = containerd.task.v3.Task/Shutdown
    + containerd tells the shim that it is no longer needed, and the shim ends.
    - Without it each container ever run would leave one idle process.
    + O containerd diz ao shim que ele não é mais necessário, e o shim termina.
    - Sem isso cada contêiner já executado deixaria um processo ocioso.
    """
}
