extension WhyTexts {
  /// runC → kernel: calls whose arguments tell what they are for (see `Why.detail`).
  static let kernelDetails = """
    = write uid_map
    + The map of user ids is written once for the user namespace: which id inside is which one outside.
    - Without it every user inside would be nobody (65534), and could own no file.
    + O mapa de ids de usuário é gravado uma única vez para o user namespace: que id de dentro é qual de fora.
    - Sem isso todo usuário de dentro seria nobody (65534) e não poderia ser dono de arquivo algum.

    = write gid_map
    + The map of group ids is written for the user namespace.
    - Without it files would belong to a group that nobody inside can be in.
    + O mapa de ids de grupo é gravado para o user namespace.
    - Sem isso arquivos pertenceriam a um grupo em que ninguém lá dentro pode estar.

    = write setgroups
    + An unprivileged runtime gives up setgroups for the namespace, which the kernel wants before it takes the group
      map.
    - Without it a user could leave a group that a file's permissions shut out.
    + Um runtime sem privilégios abre mão de setgroups no namespace, o que o kernel exige antes de aceitar o mapa de
      grupos.
    - Sem isso um usuário poderia sair de um grupo que as permissões de um arquivo excluem.

    = write cgroup.procs
    + The process is put into the container's cgroup; its children are born into it.
    - Without it the limits would stand in files that hold for nobody.
    + O processo é posto no cgroup do contêiner; os filhos já nascem nele.
    - Sem isso os limites estariam em arquivos que não valem para ninguém.

    = write memory.max
    + The most memory is set that the container's processes may use together; who goes beyond meets the OOM killer.
    - Without it one leaking program could take the whole host's memory.
    + Define-se o máximo de memória que os processos do contêiner podem usar juntos; quem passa encontra o OOM killer.
    - Sem isso um único programa com vazamento poderia tomar a memória da máquina inteira.

    = write memory.swap.max
    + How much of its memory the container may have moved to disk is set.
    - Without it the memory limit would only push the container into swap.
    + Define-se quanto da memória o contêiner pode ter movido para o disco.
    - Sem isso o limite de memória só empurraria o contêiner para o swap.

    = write memory.low
    + The memory is set that the kernel tries to leave to the container when all run short.
    - Without it a reservation would be a wish that nobody hears.
    + Define-se a memória que o kernel tenta deixar ao contêiner quando falta para todos.
    - Sem isso uma reserva seria um desejo que ninguém ouve.

    = write cpu.max
    + The CPU time is set that the container gets in each period: --cpus 0.5 is 50,000 of 100,000 microseconds.
    - Without it a busy container could take all CPUs.
    + Define-se o tempo de CPU que o contêiner recebe em cada período: --cpus 0.5 são 50.000 de 100.000
      microssegundos.
    - Sem isso um contêiner ocupado poderia tomar todas as CPUs.

    = write cpu.weight
    + The container's share is set for the times when all want the CPU at once.
    - Without it all containers would count the same.
    + Define-se a fatia do contêiner para quando todos querem a CPU ao mesmo tempo.
    - Sem isso todos os contêineres valeriam o mesmo.

    = write cpuset.cpus
    + The CPUs are named on which the container may run.
    - Without it the scheduler would use any.
    + Dizem-se as CPUs em que o contêiner pode rodar.
    - Sem isso o escalonador usaria qualquer uma.

    = write pids.max
    + The number of processes is limited that the container may have; after that fork fails.
    - Without it a fork bomb in one container would stop the whole host.
    + Limita-se o número de processos que o contêiner pode ter; depois disso o fork falha.
    - Sem isso uma fork bomb num contêiner pararia a máquina inteira.

    = write cgroup.subtree_control
    + Controllers are handed down to the cgroups below, so that they have files for their limits.
    - Without it the new cgroup would have no memory.max and no pids.max.
    + Controladores são passados aos cgroups de baixo, para que tenham arquivos para seus limites.
    - Sem isso o novo cgroup não teria memory.max nem pids.max.

    = write cgroup.freeze
    + The freezer is switched: 1 stops every process of the cgroup, 0 lets them go on.
    - Without it pause would have to chase processes one by one.
    + O freezer é acionado: 1 para todos os processos do cgroup, 0 os deixa seguir.
    - Sem isso o pause teria de perseguir processos um a um.

    = write cgroup.kill
    + One write kills every process of the cgroup, also those that are just being born.
    - Without it a container that forks faster than it is killed could live on.
    + Uma única gravação mata todos os processos do cgroup, até os que estão nascendo.
    - Sem isso um contêiner que se multiplica mais depressa do que morre poderia sobreviver.

    = write oom_score_adj
    + How readily the OOM killer is to choose this process is set.
    - Without it the daemon could be killed before the container that used up the memory.
    + Define-se com que facilidade o OOM killer deve escolher este processo.
    - Sem isso o daemon poderia morrer antes do contêiner que gastou a memória.

    = write exec.fifo
    + A byte goes through the exec FIFO: the other side wakes up.
    - Without it create and start would not be two steps.
    + Um byte passa pelo FIFO de exec: o outro lado acorda.
    - Sem isso create e start não seriam dois passos.

    = write /proc/sys
    + A kernel setting of the container's namespace is written: what --sysctl says, such as unprivileged ports from 0
      on.
    - Without it programs that are not root could not listen on port 80.
    + Grava-se um ajuste de kernel do namespace do contêiner: o que diz --sysctl, como portas sem privilégio a partir
      de 0.
    - Sem isso programas que não são root não poderiam escutar na porta 80.

    = write attr/exec
    + The security label for the program to come is written: AppArmor or SELinux will hold it to its profile.
    - Without it the program would run with the label of the runtime.
    + Grava-se o rótulo de segurança do programa que virá: AppArmor ou SELinux o prenderá ao seu perfil.
    - Sem isso o programa rodaria com o rótulo do runtime.

    = openat exec.fifo
    + The process opens the exec FIFO and sleeps there: open(2) of a FIFO comes back only when the other side is
      there. The runtime can leave now.
    - Without it the program would run at once, before network and hooks are ready.
    + O processo abre o FIFO de exec e dorme ali: open(2) de um FIFO só volta quando o outro lado existe. O runtime já
      pode sair.
    - Sem isso o programa rodaria na hora, antes de rede e hooks estarem prontos.

    = openat ptmx
    + A terminal is made inside the container's own devpts; its master end goes to the shim.
    - Without it the program would have no terminal and run as in a pipe.
    + Um terminal é criado no devpts do próprio contêiner; a ponta mestre vai para o shim.
    - Sem isso o programa não teria terminal e rodaria como num pipe.

    = mount propagation
    + The mounts are told not to spread to the host, nor the host's into the container any more than asked for.
    - Without it everything mounted inside would appear on the host.
    + As montagens são avisadas para não se espalharem para a máquina, nem as da máquina para o contêiner além do
      pedido.
    - Sem isso tudo o que fosse montado lá dentro apareceria na máquina.

    = mount overlay
    + The layers are put together: read-only ones below, the container's writable one on top, seen as one folder.
    - Without it each container would need a full copy of its image.
    + As camadas são juntadas: as só de leitura embaixo, a gravável do contêiner em cima, vistas como uma pasta só.
    - Sem isso cada contêiner precisaria de uma cópia inteira da imagem.

    = mount proc
    + A new /proc is mounted, which shows the processes of the container's own pid namespace.
    - Without it ps inside would list the host's processes.
    + Monta-se um novo /proc, que mostra os processos do pid namespace do próprio contêiner.
    - Sem isso o ps lá dentro listaria os processos da máquina.

    = mount sysfs
    + A read-only /sys is mounted, where programs look for devices and network interfaces.
    - Without it tools that read interface statistics would fail.
    + Monta-se um /sys só de leitura, onde programas procuram dispositivos e interfaces de rede.
    - Sem isso ferramentas que leem estatísticas de interface falhariam.

    = mount tmpfs
    + A file system in memory is mounted: for /dev, for masked folders, or where --tmpfs asks.
    - Without it what must not be on disk would be written into the container's layer.
    + Monta-se um sistema de arquivos na memória: para /dev, para pastas mascaradas ou onde --tmpfs pede.
    - Sem isso o que não deve ir ao disco seria gravado na camada do contêiner.

    = mount devpts
    + A set of terminals of the container's own is mounted.
    - Without it it could see, and with bad luck write to, the terminals of the host's users.
    + Monta-se um conjunto de terminais do próprio contêiner.
    - Sem isso ele veria e, com azar, escreveria nos terminais dos usuários da máquina.

    = mount mqueue
    + The POSIX message queues of the container's ipc namespace are made visible.
    - Without it programs that look for /dev/mqueue would not find their queues.
    + As filas de mensagens POSIX do ipc namespace do contêiner ficam visíveis.
    - Sem isso programas que procuram /dev/mqueue não achariam suas filas.

    = mount cgroup2
    + The container sees its own cgroup as a read-only tree.
    - Without it programs could not find out their limits, and would size their heaps for the whole host.
    + O contêiner vê o próprio cgroup como uma árvore só de leitura.
    - Sem isso programas não descobririam seus limites e dimensionariam sua memória pela máquina inteira.

    = mount bind
    + A file or folder of the host is shown inside at another place: a volume, /etc/hosts, /etc/resolv.conf, or
      /dev/null over a file to be hidden.
    - Without it volumes would not exist, and every container would have the image's hosts file.
    + Um arquivo ou pasta da máquina aparece lá dentro em outro lugar: um volume, /etc/hosts, /etc/resolv.conf, ou
      /dev/null sobre um arquivo a esconder.
    - Sem isso não haveria volumes, e todo contêiner teria o arquivo hosts da imagem.

    = mount remount
    + A mount gets stricter flags afterwards, such as read-only: a bind mount takes them only in a second call.
    - Without it -v data:/data:ro would be writable.
    + Uma montagem recebe depois flags mais rígidas, como só leitura: um bind mount só as aceita numa segunda chamada.
    - Sem isso -v data:/data:ro seria gravável.

    = prctl PR_SET_NO_NEW_PRIVS
    + The process promises for itself and its children never to gain rights by execve.
    - Without it a setuid file of the image would undo the dropping of capabilities.
    + O processo promete, por si e pelos filhos, nunca ganhar direitos por execve.
    - Sem isso um arquivo setuid da imagem desfaria a perda de capabilities.

    = prctl PR_CAPBSET_DROP
    + A capability is struck from the bounding set: no program of the container can ever get it.
    - Without it a file with capabilities of its own could bring it back.
    + Uma capability é riscada do conjunto limitante: nenhum programa do contêiner poderá tê-la.
    - Sem isso um arquivo com capabilities próprias poderia trazê-la de volta.

    = prctl PR_CAP_AMBIENT
    + A capability is kept over execve for a user who is not root.
    - Without it --cap-add would have no effect for a container with another user.
    + Uma capability é mantida após o execve para um usuário que não é root.
    - Sem isso --cap-add não teria efeito num contêiner com outro usuário.

    = prctl PR_SET_KEEPCAPS
    + The process keeps its capabilities over the change of user, to drop them itself afterwards one by one.
    - Without it setresuid would take all of them, also those that the container is to have.
    + O processo mantém suas capabilities na troca de usuário, para depois largá-las ele mesmo, uma a uma.
    - Sem isso o setresuid tiraria todas, até as que o contêiner deve ter.

    = prctl PR_SET_DUMPABLE
    + The runtime makes itself unreadable to others while it is inside the container.
    - Without it a process of the container could look into the runtime's memory and open files.
    + O runtime se torna ilegível para os outros enquanto está dentro do contêiner.
    - Sem isso um processo do contêiner poderia olhar a memória e os arquivos abertos do runtime.

    = prctl PR_SET_PDEATHSIG
    + The process asks for a signal when its parent dies.
    - Without it a half-made container would stay when the runtime is killed.
    + O processo pede um sinal para quando o pai morrer.
    - Sem isso um contêiner feito pela metade ficaria se o runtime fosse morto.

    = prctl PR_SET_CHILD_SUBREAPER
    + The shim becomes the parent of all orphans below it.
    - Without it the container's process would belong to the host's init when the runtime ends, and its exit status
      would be lost.
    + O shim vira o pai de todos os órfãos abaixo dele.
    - Sem isso o processo do contêiner passaria ao init da máquina quando o runtime terminasse, e o status de saída se
      perderia.

    = prctl PR_SET_NAME
    + The process gives itself the name that ps shows.
    - Without it the stages of the runtime could not be told apart in a list of processes.
    + O processo dá a si mesmo o nome que o ps mostra.
    - Sem isso as etapas do runtime não se distinguiriam numa lista de processos.

    = execve hook
    + A hook is executed at its stage: a program of the administrator's own, which gets the container's state on
      stdin.
    - Without it nobody could hang network, GPU or audit tools into the life of a container.
    + Um hook é executado em sua etapa: um programa do administrador, que recebe o estado do contêiner no stdin.
    - Sem isso ninguém encaixaria ferramentas de rede, GPU ou auditoria na vida de um contêiner.

    = mkdirat cgroup
    + A folder is made below /sys/fs/cgroup: the kernel makes a cgroup of it and fills it with files.
    - Without it the container's processes could neither be counted nor limited together.
    + Cria-se uma pasta em /sys/fs/cgroup: o kernel faz dela um cgroup e a enche de arquivos.
    - Sem isso os processos do contêiner não seriam nem contados nem limitados em conjunto.

    = unlinkat cgroup
    + The folder of an empty cgroup is removed, and the cgroup with it.
    - Without it the kernel would keep counters for containers that are gone.
    + A pasta de um cgroup vazio é removida e, com ela, o cgroup.
    - Sem isso o kernel guardaria contadores de contêineres que já se foram.
    """
}
