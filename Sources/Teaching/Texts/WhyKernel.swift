extension WhyTexts {
  /// runC → kernel: system calls by name.
  static let kernel = """
    = clone3
    + The runtime asks the kernel for a new process, and in the same breath for new namespaces around it: own pids,
      mounts, network, host name. This is the moment a container begins to be one.
    - Without the namespace flags the new process would see and touch everything of the host.
    + O runtime pede ao kernel um novo processo e, no mesmo fôlego, novos namespaces em volta dele: pids, montagens,
      rede e hostname próprios. É aqui que um contêiner começa a existir.
    - Sem as flags de namespace o novo processo veria e tocaria tudo da máquina.

    = clone
    + An older form of clone3: a new process, with new namespaces when its flags ask for them.
    - Without it no program could have children, and runc could not make its init.
    + Uma forma mais antiga de clone3: um novo processo, com novos namespaces se as flags pedirem.
    - Sem isso nenhum programa teria filhos, e o runc não criaria seu init.

    = unshare
    + The process leaves namespaces that it shares with its parent and gets new ones of its own; for pids this holds
      for its children only.
    - Without it namespaces could be new only for a new process, and a user namespace could not be set up before the
      others.
    + O processo deixa namespaces que divide com o pai e ganha outros só seus; no caso de pids, isso vale apenas para
      os filhos.
    - Sem isso namespaces só seriam novos para um processo novo, e um user namespace não seria preparado antes dos
      outros.

    = setns
    + The process joins a namespace that exists already: this is how exec enters a container, and how containers share
      a network.
    - Without it a container would be closed for everybody who was not born in it.
    + O processo entra num namespace que já existe: é assim que o exec entra num contêiner e que contêineres dividem
      uma rede.
    - Sem isso um contêiner estaria fechado para todo mundo que não nasceu nele.

    = write
    + The kernel is told something through a file: an id map, a cgroup's limit, a setting below /proc/sys, or the byte
      that lets a waiting process go.
    - Without it most settings of namespaces and cgroups could not be made at all, for they have no system calls of
      their own.
    + Diz-se algo ao kernel por meio de um arquivo: um mapa de ids, um limite de cgroup, um ajuste em /proc/sys ou o
      byte que libera um processo em espera.
    - Sem isso a maior parte dos ajustes de namespaces e cgroups nem poderia ser feita, pois não tem chamadas de
      sistema próprias.

    = read
    + The process reads from a file or FIFO; at the exec FIFO it sleeps until the other side is there.
    - Without it two processes could not wait for each other without burning CPU time.
    + O processo lê de um arquivo ou FIFO; no FIFO de exec ele dorme até o outro lado aparecer.
    - Sem isso dois processos não esperariam um pelo outro sem queimar CPU.

    = openat
    + A file is opened or made, such as the empty file that a bind mount will cover, or the FIFO between create and
      start.
    - Without it there would be no descriptor, and every further call on the file needs one.
    + Um arquivo é aberto ou criado, como o arquivo vazio que um bind mount vai cobrir, ou o FIFO entre create e
      start.
    - Sem isso não haveria descritor, e toda chamada seguinte sobre o arquivo precisa de um.

    = openat2
    + A path is opened inside the container's root, and the kernel itself sees to it that no symbolic link leads out.
    - Without it a malicious image could point a mount at a file of the host.
    + Um caminho é aberto dentro da raiz do contêiner, e o próprio kernel cuida para que nenhum link simbólico leve
      para fora.
    - Sem isso uma imagem maliciosa poderia apontar uma montagem para um arquivo da máquina.

    = close
    + The descriptor of an open file is given back to the kernel.
    - Without it the process would carry open files into the program, which could use them.
    + Um descritor de arquivo aberto é devolvido ao kernel.
    - Sem isso o processo levaria arquivos abertos até o programa, que poderia usá-los.

    = close_range
    + All descriptors above stdin, stdout and stderr are closed, or marked to close at execve.
    - Without it a file of the host left open by the runtime would be a door out of the container.
    + Todos os descritores acima de stdin, stdout e stderr são fechados, ou marcados para fechar no execve.
    - Sem isso um arquivo da máquina deixado aberto pelo runtime seria uma porta para fora do contêiner.

    = mkdirat
    + A folder is made: a mount point in the root file system, or a cgroup, which is a folder too.
    - Without it there would be no place to mount on, and no cgroup to put limits on.
    + Uma pasta é criada: um ponto de montagem na raiz, ou um cgroup, que também é uma pasta.
    - Sem isso não haveria onde montar, nem cgroup em que pôr limites.

    = unlinkat
    + A file or an empty folder is removed; removing a cgroup's folder removes the cgroup.
    - Without it cgroups and state of containers long gone would fill the system.
    + Um arquivo ou pasta vazia é removido; remover a pasta de um cgroup remove o cgroup.
    - Sem isso cgroups e estados de contêineres há muito idos encheriam o sistema.

    = mknodat
    + A device file is made in the container's /dev, such as null, zero, urandom; only those few.
    - Without it programs could not even throw output away.
    + Um arquivo de dispositivo é criado no /dev do contêiner, como null, zero, urandom; só esses poucos.
    - Sem isso os programas nem poderiam descartar uma saída.

    = symlinkat
    + A symbolic link is made, as /dev/stdout to /proc/self/fd/1 or /dev/ptmx to pts/ptmx.
    - Without it programs that open /dev/stdin by name would fail.
    + Um link simbólico é criado, como de /dev/stdout para /proc/self/fd/1 ou de /dev/ptmx para pts/ptmx.
    - Sem isso programas que abrem /dev/stdin pelo nome falhariam.

    = fchownat
    + A file is given to the user who is to use it, such as the terminal or the streams.
    - Without it a program that is not root could not write to its own stdout.
    + Um arquivo passa para o usuário que vai usá-lo, como o terminal ou os fluxos.
    - Sem isso um programa que não é root não poderia gravar no próprio stdout.

    = fchmodat
    + A file's permission bits are set as they must be, whatever the umask took away.
    - Without it device files could end up unreadable for everybody but root.
    + Os bits de permissão de um arquivo ficam como devem ser, não importa o que a umask tirou.
    - Sem isso arquivos de dispositivo poderiam acabar ilegíveis para todos menos o root.

    = mount
    + Something is mounted into the container's view: its root file system, proc, sysfs, tmpfs, a volume. Each
      container has a mount table of its own.
    - Without mounts the container would have files but neither /proc nor /dev nor its volumes.
    + Algo é montado na visão do contêiner: o sistema de arquivos raiz, proc, sysfs, tmpfs, um volume. Cada contêiner
      tem sua própria tabela de montagens.
    - Sem montagens o contêiner teria arquivos, mas nem /proc, nem /dev, nem seus volumes.

    = mount_setattr
    + Properties of a whole tree of mounts are changed at once, such as read-only or the mapping of users.
    - Without it a read-only bind mount would leave the mounts below it writable.
    + Propriedades de toda uma árvore de montagens mudam de uma vez, como só leitura ou o mapeamento de usuários.
    - Sem isso um bind mount só leitura deixaria graváveis as montagens abaixo dele.

    = open_tree
    + A tree of mounts is opened as a detached copy, to be prepared before anybody sees it.
    - Without it there would be a moment when a mount is there, but not yet read-only.
    + Uma árvore de montagens é aberta como cópia solta, para ser preparada antes que alguém a veja.
    - Sem isso haveria um instante em que a montagem existe, mas ainda não é só leitura.

    = move_mount
    + A prepared, detached mount is put into its place, by descriptors and not by names.
    - Without it somebody could swap the target path between the check and the mount.
    + Uma montagem preparada e solta é colocada no lugar, por descritores e não por nomes.
    - Sem isso alguém poderia trocar o caminho de destino entre a verificação e a montagem.

    = fsopen
    + A new file system of a kind is begun, to be configured step by step.
    - Without it all options would have to fit into one string of mount(2).
    + Um novo sistema de arquivos de certo tipo é iniciado, para ser configurado passo a passo.
    - Sem isso todas as opções teriam de caber numa única cadeia de mount(2).

    = fsconfig
    + One option of a file system to come is set, or its superblock is made.
    - Without it the file system would have its defaults, such as no size limit.
    + Uma opção do sistema de arquivos em preparo é definida, ou seu superbloco é criado.
    - Sem isso o sistema de arquivos ficaria com os padrões, como nenhum limite de tamanho.

    = fsmount
    + The configured file system becomes a mount that is not attached anywhere yet.
    - Without it there would be a superblock, but nothing to put into the tree.
    + O sistema de arquivos configurado vira uma montagem ainda não presa a lugar algum.
    - Sem isso haveria um superbloco, mas nada a colocar na árvore.

    = copy_file_range
    + Files that a tmpfs is about to cover are copied into it first.
    - Without it a folder of the image would look empty as soon as a tmpfs is mounted on it.
    + Arquivos que um tmpfs está para cobrir são copiados antes para dentro dele.
    - Sem isso uma pasta da imagem pareceria vazia assim que um tmpfs fosse montado sobre ela.

    = sendfile
    + Bytes are copied from file to file inside the kernel: the runtime copies its own program so that the container
      cannot overwrite it.
    - Without it a malicious container could replace the host's runc through /proc/self/exe, as CVE-2019-5736 did.
    + Bytes são copiados de arquivo a arquivo dentro do kernel: o runtime copia o próprio programa para que o
      contêiner não possa sobrescrevê-lo.
    - Sem isso um contêiner malicioso poderia trocar o runc da máquina por /proc/self/exe, como na CVE-2019-5736.

    = umount2
    + A mount is taken away; with MNT_DETACH at once, also while somebody uses it.
    - Without it the old root would still hang below the new one, with all of the host in it.
    + Uma montagem é retirada; com MNT_DETACH na hora, mesmo que alguém a use.
    - Sem isso a raiz antiga ainda estaria pendurada sob a nova, com a máquina inteira dentro.

    = pivot_root
    + The container's root file system becomes the root of its mount namespace, and the host's is put aside to be
      unmounted.
    - Without it the container would have chroot at best, which a process with root rights can climb out of.
    + O sistema de arquivos do contêiner vira a raiz do seu mount namespace, e o da máquina é posto de lado para ser
      desmontado.
    - Sem isso o contêiner teria no máximo um chroot, de que um processo com direitos de root consegue escapar.

    = chroot
    + The process's idea of / is changed, and nothing else.
    - Without it there would be no fallback where pivot_root is impossible, such as on an initramfs.
    + Muda-se a ideia de / que o processo tem, e nada mais.
    - Sem isso não haveria alternativa onde pivot_root é impossível, como num initramfs.

    = chdir
    + The process goes to a folder: at first into the new root, at last to the image's WORKDIR.
    - Without it the process could still stand in a folder of the host, outside its own root.
    + O processo vai para uma pasta: primeiro para a nova raiz, por fim para o WORKDIR da imagem.
    - Sem isso o processo poderia continuar numa pasta da máquina, fora da própria raiz.

    = fchdir
    + The process goes to a folder that it holds open, such as the old root during pivot_root.
    - Without it one could not go back to a folder that has no path any more.
    + O processo vai para uma pasta que mantém aberta, como a raiz antiga durante o pivot_root.
    - Sem isso não se voltaria a uma pasta que já não tem caminho.

    = sethostname
    + The container's own host name is set; it holds only in its UTS namespace.
    - Without it hostname inside would print the name of the host.
    + O hostname próprio do contêiner é definido; vale só no seu UTS namespace.
    - Sem isso hostname lá dentro mostraria o nome da máquina.

    = setdomainname
    + The NIS domain name of the UTS namespace is set.
    - Without it the container would show the host's domain name.
    + O nome de domínio NIS do UTS namespace é definido.
    - Sem isso o contêiner mostraria o domínio da máquina.

    = setsid
    + The process begins a session of its own, without a terminal.
    - Without it Ctrl-C at the host's terminal could reach into the container.
    + O processo começa uma sessão própria, sem terminal.
    - Sem isso um Ctrl-C no terminal da máquina poderia chegar dentro do contêiner.

    = ioctl
    + The terminal is made the controlling terminal of the session, or gets its size.
    - Without it Ctrl-C in docker run -it would send no signal, and job control would be off.
    + O terminal vira o terminal controlador da sessão, ou recebe seu tamanho.
    - Sem isso Ctrl-C em docker run -it não enviaria sinal, e não haveria controle de jobs.

    = prlimit64
    + A resource limit is set for a process, such as open files or core size: what --ulimit says.
    - Without it each process would have the limits of the daemon that started it.
    + Um limite de recurso é definido para um processo, como arquivos abertos ou tamanho de core: é o que diz
      --ulimit.
    - Sem isso cada processo teria os limites do daemon que o iniciou.

    = setgroups
    + The supplementary groups are replaced by those of the container's user.
    - Without it the program would keep the runtime's groups, and with them access to the host's files.
    + Os grupos suplementares são trocados pelos do usuário do contêiner.
    - Sem isso o programa manteria os grupos do runtime e, com eles, acesso a arquivos da máquina.

    = setresgid
    + The process becomes a member of the container user's group, in all three of its group ids.
    - Without it files would be made with the group of the runtime.
    + O processo passa ao grupo do usuário do contêiner, em seus três ids de grupo.
    - Sem isso arquivos seriam criados com o grupo do runtime.

    = setresuid
    + The process becomes the container's user, with no way back to root.
    - Without it every USER line of a Dockerfile would be without effect.
    + O processo vira o usuário do contêiner, sem volta para root.
    - Sem isso toda linha USER de um Dockerfile ficaria sem efeito.

    = capset
    + The process keeps only the capabilities of the list: root inside is not the almighty root of the host.
    - Without it root in the container could load kernel modules and set the clock.
    + O processo fica só com as capabilities da lista: o root de dentro não é o root todo-poderoso da máquina.
    - Sem isso o root do contêiner poderia carregar módulos do kernel e acertar o relógio.

    = prctl
    + A property of the process is changed: no new privileges, which capabilities it can ever get back, whether others
      may look into it.
    - Without it a setuid program in the image could give back the rights that were just dropped.
    + Uma propriedade do processo muda: sem novos privilégios, quais capabilities ele ainda pode recuperar, se outros
      podem olhar dentro dele.
    - Sem isso um programa setuid da imagem poderia devolver os direitos recém-largados.

    = seccomp
    + A filter is loaded that looks at each system call from now on and refuses those which containers do not need.
    - Without it a hole in a seldom used system call would be open to every container.
    + Carrega-se um filtro que daqui em diante examina cada chamada de sistema e recusa as que contêineres não
      precisam.
    - Sem isso uma falha numa chamada de sistema pouco usada estaria aberta a todo contêiner.

    = bpf
    + A small program is loaded into the kernel that decides which devices the container's cgroup may open: cgroup v2
      has no file for it.
    - Without it root in a container could make a node for the host's disk and read it.
    + Um pequeno programa é carregado no kernel para decidir que dispositivos o cgroup do contêiner pode abrir: o
      cgroup v2 não tem arquivo para isso.
    - Sem isso o root de um contêiner poderia criar um nó para o disco da máquina e lê-lo.

    = exit_group
    + A helper of the runtime has done its part and ends with all its threads.
    - Without it the intermediate process would stay between the shim and the container.
    + Um auxiliar do runtime fez sua parte e termina com todas as threads.
    - Sem isso o processo intermediário ficaria entre o shim e o contêiner.

    = wait4
    + The parent waits for its child's end and takes its status, after which the kernel forgets the child.
    - Without it the child would stay a zombie.
    + O pai espera o fim do filho e recolhe seu status; só então o kernel esquece o filho.
    - Sem isso o filho ficaria zumbi.

    = sendmsg
    + A message goes through a socket: a netlink request that brings an interface up, or a terminal's descriptor to
      the shim.
    - Without it the container's loopback interface would be down, and localhost would not answer.
    + Uma mensagem passa por um socket: um pedido netlink que liga uma interface, ou o descritor de um terminal para o
      shim.
    - Sem isso a interface loopback do contêiner estaria desligada, e localhost não responderia.

    = recvmsg
    + A message is taken from a socket, such as the descriptor of a terminal that another process made.
    - Without it a terminal made inside the container could not be held by the shim outside.
    + Uma mensagem é recebida de um socket, como o descritor de um terminal que outro processo criou.
    - Sem isso um terminal criado dentro do contêiner não poderia ser segurado pelo shim de fora.

    = execve
    + The prepared process becomes the program: the code of the runtime is replaced by that of the image, in
      everything that was set up around it.
    - Without it all the preparation would have been for nothing: this is the start of what you asked for.
    + O processo preparado vira o programa: o código do runtime é trocado pelo da imagem, dentro de tudo o que foi
      montado em volta.
    - Sem isso toda a preparação teria sido em vão: este é o início do que você pediu.

    = kill
    + A signal is sent to a process by its pid in the caller's namespace.
    - Without it no program could be asked to end.
    + Um sinal é enviado a um processo pelo pid no namespace de quem chama.
    - Sem isso nenhum programa poderia ser convidado a terminar.

    = pidfd_open
    + A process is held by a descriptor and no longer by a number.
    - Without it a signal could hit a stranger that got the same pid in the meantime.
    + Um processo passa a ser segurado por um descritor, e não mais por um número.
    - Sem isso um sinal poderia atingir um estranho que recebeu o mesmo pid nesse meio-tempo.

    = pidfd_send_signal
    + A signal is sent to the process behind a descriptor: to exactly that one.
    - Without it there would remain a short moment in which a pid changes its owner.
    + Um sinal é enviado ao processo por trás de um descritor: exatamente a ele.
    - Sem isso restaria um breve instante em que um pid troca de dono.

    = umask
    + The bits that new files are not to get are set, here to none, so that modes come out as asked for.
    - Without it the caller's umask would change the permissions of the container's device files.
    + Definem-se os bits que arquivos novos não devem receber, aqui nenhum, para que os modos saiam como pedidos.
    - Sem isso a umask de quem chama mudaria as permissões dos arquivos de dispositivo do contêiner.

    = faccessat2
    + The kernel is asked whether the program can be executed, before anything irreversible is done.
    - Without it a mistyped command would fail only after create, as an exit and not as an error message.
    + Pergunta-se ao kernel se o programa pode ser executado, antes de qualquer coisa irreversível.
    - Sem isso um comando digitado errado só falharia depois do create, como término e não como mensagem de erro.

    = fstat
    + The runtime looks at what lies at a device's place already: it must be that device, by its kind and numbers.
    - Without it an image could bring a file of its own as /dev/null, and the container would write into that.
    + O runtime olha o que já está no lugar de um dispositivo: tem de ser aquele dispositivo, pelo tipo e pelos números.
    - Sem isso uma imagem poderia trazer um arquivo seu como /dev/null, e o contêiner escreveria nele.

    = sched_setaffinity
    + The process is bound to certain CPUs.
    - Without it the program would begin on CPUs that its cpuset does not have.
    + O processo é preso a certas CPUs.
    - Sem isso o programa começaria em CPUs que seu cpuset não tem.

    = sched_setattr
    + Scheduling policy and priority of the process are set.
    - Without it a real-time setting of config.json would be ignored.
    + Política e prioridade de escalonamento do processo são definidas.
    - Sem isso um ajuste de tempo real do config.json seria ignorado.

    = ioprio_set
    + The priority of the process for disk access is set.
    - Without it a backup container could not be told to step back behind others.
    + A prioridade do processo no acesso a disco é definida.
    - Sem isso não se poderia pedir a um contêiner de backup que desse a vez aos outros.

    = personality
    + The execution domain is set, such as 32-bit on a 64-bit kernel.
    - Without it uname in a 32-bit image would name the wrong machine.
    + O domínio de execução é definido, como 32 bits num kernel de 64.
    - Sem isso uname numa imagem de 32 bits diria a máquina errada.

    = keyctl
    + The process gets a session keyring of its own.
    - Without it the container could see keys that the host's session holds.
    + O processo ganha um chaveiro de sessão próprio.
    - Sem isso o contêiner poderia ver chaves que a sessão da máquina guarda.

    = dup3
    + A descriptor is put under another number, such as the terminal under 0, 1 and 2.
    - Without it the program would not find its streams where it expects them.
    + Um descritor é posto sob outro número, como o terminal sob 0, 1 e 2.
    - Sem isso o programa não acharia seus fluxos onde espera.

    = pipe2
    + A pipe is made, through which two processes of the runtime tell each other how far they are.
    - Without it the parent would write the id map before the child has its namespace, or after it needed it.
    + Cria-se um pipe, pelo qual dois processos do runtime contam um ao outro até onde chegaram.
    - Sem isso o pai gravaria o mapa de ids antes de o filho ter seu namespace, ou depois de precisar dele.

    = socket
    + A socket is made, for netlink requests or for the notification of a service manager.
    - Without it there would be no way to ask the network stack for anything.
    + Cria-se um socket, para pedidos netlink ou para a notificação de um gerenciador de serviços.
    - Sem isso não haveria como pedir nada à pilha de rede.

    = memfd_create
    + A file in memory is made, into which the runtime copies its own program before it enters the container.
    - Without it the runtime would run from a file that the container might reach.
    + Cria-se um arquivo na memória, para o qual o runtime copia o próprio programa antes de entrar no contêiner.
    - Sem isso o runtime rodaria de um arquivo que o contêiner poderia alcançar.

    = statfs
    + The kernel is asked of which kind a file system is, to tell cgroup v1 from v2, or proc from a fake.
    - Without it the runtime could write the host's secrets into a file that an image disguised as /proc.
    + Pergunta-se ao kernel de que tipo é um sistema de arquivos, para distinguir cgroup v1 de v2, ou um proc de um
      falso.
    - Sem isso o runtime poderia gravar num arquivo que uma imagem disfarçou de /proc.

    = fcntl
    + A property of a descriptor is changed: seals on a file in memory, or whether it stays open over execve.
    - Without it the copy of the runtime's program could be written to, and a descriptor of the host could reach the
      program.
    + Uma propriedade de um descritor muda: selos num arquivo em memória, ou se ele continua aberto após o execve.
    - Sem isso a cópia do programa do runtime poderia ser alterada, e um descritor da máquina poderia chegar ao
      programa.

    = set_mempolicy
    + The memory nodes are chosen from which the process gets its memory on machines with several.
    - Without it a program bound to one processor could have its memory at another, and wait for it.
    + Escolhem-se os nós de memória de que o processo recebe memória em máquinas com vários.
    - Sem isso um programa preso a um processador poderia ter a memória junto de outro e esperar por ela.
    """
}
