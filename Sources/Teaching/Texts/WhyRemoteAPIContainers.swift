extension WhyTexts {
  /// client → dockerd: containers and exec (Docker Engine API).
  static let remoteAPIContainers = """
    = POST /containers/create
    + The client hands dockerd everything that makes this container: image, command, environment, mounts, limits,
      networks. dockerd checks it, gives it a name and an id and writes it down; nothing runs yet.
    - Without it there would be nothing to start: a container is first a record with settings and a writable layer,
      and only then a process.
    + O cliente entrega ao dockerd tudo o que define este contêiner: imagem, comando, ambiente, montagens, limites,
      redes. O dockerd confere, dá um nome e um id e anota; nada roda ainda.
    - Sem isso não haveria o que iniciar: um contêiner é primeiro um registro com configurações e uma camada gravável,
      e só depois um processo.

    = POST /containers/{id}/start
    + The client asks for the process now: dockerd prepares mounts and network and sends the work down to containerd,
      the shim and the runtime.
    - Without it the container would stay in the state created: it would have a name and files, but no process.
    + O cliente pede o processo agora: o dockerd prepara montagens e rede e manda o trabalho para o containerd, o shim
      e o runtime.
    - Sem isso o contêiner ficaria no estado created: teria nome e arquivos, mas nenhum processo.

    = POST /containers/{id}/attach
    + The HTTP connection is upgraded to a plain two-way stream, over which stdin, stdout and stderr of the container
      travel to the terminal.
    - Without it the container would run just as well, but you would see nothing of it: its output would only go to
      the log.
    + A conexão HTTP vira um fluxo comum de mão dupla, por onde stdin, stdout e stderr do contêiner chegam ao
      terminal.
    - Sem isso o contêiner rodaria do mesmo jeito, mas você não veria nada: a saída iria só para o log.

    = POST /containers/{id}/wait
    + The client asks to be told when the container ends, and with which status; the answer comes only then. It asks
      before the start, so that even the shortest run is not missed.
    - Without it docker run could not end with the exit status of the container, and scripts could not tell success
      from failure.
    + O cliente pede para ser avisado quando o contêiner terminar, e com qual status; a resposta só vem nessa hora.
      Ele pede antes do start, para não perder nem a execução mais curta.
    - Sem isso o docker run não poderia terminar com o status de saída do contêiner, e scripts não distinguiriam
      sucesso de falha.

    = POST /containers/{id}/stop
    + The client asks for a polite end: dockerd sends the image's stop signal, waits (ten seconds unless told
      otherwise), and only then kills.
    - Without it the only end would be SIGKILL, and a database would have no chance to close its files.
    + O cliente pede um fim educado: o dockerd envia o sinal de parada da imagem, espera (dez segundos, salvo outra
      ordem) e só então mata.
    - Sem isso o único fim seria o SIGKILL, e um banco de dados não teria chance de fechar seus arquivos.

    = POST /containers/{id}/kill
    + The client asks dockerd to send one signal to the container's first process, SIGKILL when none is named, and not
      to wait for anything.
    - Without it a process that ignores the polite signal could not be ended at once, and signals such as SIGHUP could
      not be sent from outside.
    + O cliente pede ao dockerd que envie um sinal ao primeiro processo do contêiner, SIGKILL se nenhum for dito, sem
      esperar por nada.
    - Sem isso um processo que ignora o sinal educado não poderia ser encerrado na hora, nem sinais como SIGHUP
      poderiam vir de fora.

    = POST /containers/{id}/restart
    + The client asks for stop and start in one: the same container, the same files, a new process.
    - Without it two requests would be needed, and between them a restart policy or another client could get in the
      way.
    + O cliente pede stop e start de uma vez: o mesmo contêiner, os mesmos arquivos, um processo novo.
    - Sem isso seriam dois pedidos, e entre eles uma política de reinício ou outro cliente poderia se intrometer.

    = POST /containers/{id}/pause
    + The client asks to freeze every process of the container where it stands; the kernel's cgroup freezer does it,
      and the processes do not notice.
    - Without it one could only send SIGSTOP, which each program sees and whose parent may react to.
    + O cliente pede para congelar todos os processos do contêiner onde estão; quem faz isso é o freezer de cgroup do
      kernel, e os processos nem percebem.
    - Sem isso só restaria o SIGSTOP, que cada programa enxerga e ao qual o processo pai pode reagir.

    = POST /containers/{id}/unpause
    + The client asks to thaw a frozen container: its processes go on with their next instruction.
    - Without it a paused container would hold its memory for ever and could not even be stopped politely.
    + O cliente pede para descongelar um contêiner: os processos seguem na instrução seguinte.
    - Sem isso um contêiner pausado seguraria sua memória para sempre e nem poderia ser parado com educação.

    = DELETE /containers/{id}
    + The client asks to forget the container: its record, its writable layer, its log, and with -v its anonymous
      volumes.
    - Without it stopped containers would pile up, each with all that it ever wrote, and their names would stay taken.
    + O cliente pede para esquecer o contêiner: seu registro, sua camada gravável, seu log e, com -v, seus volumes
      anônimos.
    - Sem isso contêineres parados se acumulariam, cada um com tudo o que já gravou, e seus nomes continuariam
      ocupados.

    = GET /containers/json
    + The client asks for a summary of all containers that fit the filters: docker ps is this answer as a table.
    - Without it nobody could see what runs on a host without asking for each container by its id.
    + O cliente pede um resumo de todos os contêineres que passam pelos filtros: o docker ps é essa resposta em forma
      de tabela.
    - Sem isso ninguém veria o que roda numa máquina sem perguntar por cada contêiner pelo id.

    = GET /containers/{id}/json
    + The client asks for all that dockerd knows of one container: settings, state, pid, mounts, addresses. It is what
      docker inspect prints.
    - Without it a client could not turn a name into an id, nor find out whether there is a terminal before it
      attaches.
    + O cliente pede tudo o que o dockerd sabe de um contêiner: configurações, estado, pid, montagens, endereços. É o
      que o docker inspect mostra.
    - Sem isso um cliente não saberia trocar um nome por um id, nem descobrir se há um terminal antes de se conectar.

    = GET /containers/{id}/logs
    + The client asks for what the container wrote to stdout and stderr so far, and with -f for what it will write.
    - Without it the output of a detached container would be lost to everyone who was not attached at that moment.
    + O cliente pede o que o contêiner já escreveu em stdout e stderr e, com -f, o que ele ainda vai escrever.
    - Sem isso a saída de um contêiner em segundo plano se perderia para quem não estivesse conectado naquele momento.

    = GET /containers/{id}/top
    + The client asks which processes run in the container; dockerd gets their pids from below and runs ps on the host
      for them.
    - Without it you would have to exec ps inside, which slim images do not even have.
    + O cliente pergunta quais processos rodam no contêiner; o dockerd recebe os pids das camadas de baixo e roda ps
      na máquina para eles.
    - Sem isso você teria de executar ps lá dentro, e imagens enxutas nem têm esse programa.

    = GET /containers/{id}/stats
    + The client asks for the container's use of CPU, memory, network and disk, once or as a stream; the numbers come
      from its cgroup.
    - Without it one would see only the host's totals, not which container uses what.
    + O cliente pede o uso de CPU, memória, rede e disco do contêiner, uma vez ou em fluxo; os números vêm do cgroup
      dele.
    - Sem isso só se veriam os totais da máquina, e não qual contêiner gasta o quê.

    = GET /containers/{id}/changes
    + The client asks what the container added, changed or deleted compared with its image: docker diff prints the
      difference of two snapshots.
    - Without it nobody could tell what a commit of this container would put into the new layer.
    + O cliente pergunta o que o contêiner criou, mudou ou apagou em relação à imagem: o docker diff mostra a
      diferença entre dois snapshots.
    - Sem isso ninguém saberia o que um commit deste contêiner colocaria na nova camada.

    = GET /containers/{id}/export
    + The client asks for the container's whole file system as one tar, flattened, without layers and without
      configuration.
    - Without it a file system could leave the host only as an image, layer by layer.
    + O cliente pede o sistema de arquivos inteiro do contêiner num único tar, achatado, sem camadas e sem
      configuração.
    - Sem isso um sistema de arquivos só sairia da máquina como imagem, camada por camada.

    = GET /containers/{id}/archive
    + The client asks for a file or folder of the container as a tar: docker cp from inside to outside.
    - Without it one would need tar or cat inside the container, and it would have to be running.
    + O cliente pede um arquivo ou pasta do contêiner como tar: é o docker cp de dentro para fora.
    - Sem isso seria preciso ter tar ou cat dentro do contêiner, e ele teria de estar rodando.

    = PUT /containers/{id}/archive
    + The client sends a tar that is unpacked into the container's file system: docker cp from outside to inside.
    - Without it files could come in only through a volume, the image, or a program inside that fetches them.
    + O cliente envia um tar que é desempacotado no sistema de arquivos do contêiner: é o docker cp de fora para
      dentro.
    - Sem isso arquivos só entrariam por um volume, pela imagem ou por um programa interno que os buscasse.

    = HEAD /containers/{id}/archive
    + Before it copies, the client asks what stands at a path of the container: a file, a folder, a link, or nothing.
    - Without it docker cp could not follow cp's rules, which treat a folder as the target differently from a file.
    + Antes de copiar, o cliente pergunta o que há num caminho do contêiner: arquivo, pasta, link ou nada.
    - Sem isso o docker cp não seguiria as regras do cp, que trata uma pasta de destino de modo diferente de um
      arquivo.

    = POST /containers/{id}/exec
    + The client registers one more process for a running container and gets an id for it; it is not started yet.
    - Without this step nobody could attach to the process before its first output, nor ask for its exit status
      afterwards.
    + O cliente registra mais um processo para um contêiner em execução e recebe um id para ele; ainda não foi
      iniciado.
    - Sem esse passo ninguém se conectaria ao processo antes da primeira saída, nem perguntaria depois o status de
      saída.

    = POST /exec/{id}/start
    + The client starts the registered process, and the connection turns into its stdin, stdout and stderr.
    - Without it the exec would stay an entry in dockerd's book: known, but never run.
    + O cliente inicia o processo registrado, e a conexão vira seu stdin, stdout e stderr.
    - Sem isso o exec ficaria só como uma linha no caderno do dockerd: conhecido, mas nunca executado.

    = GET /exec/{id}/json
    + When the stream has ended, the client asks for the exit status of the process that it executed.
    - Without it docker exec would always end with 0, and a health check in a script would be worthless.
    + Quando o fluxo termina, o cliente pergunta o status de saída do processo que executou.
    - Sem isso o docker exec terminaria sempre com 0, e uma verificação num script não valeria nada.

    = POST /exec/{id}/resize
    + The client tells how large the terminal of an exec session is, at its start and whenever the window changes.
    - Without it an editor started by docker exec -it would draw itself for 80 by 24 in every window.
    + O cliente diz qual é o tamanho do terminal de uma sessão de exec, no começo e sempre que a janela muda.
    - Sem isso um editor aberto com docker exec -it se desenharia para 80 por 24 em qualquer janela.

    = POST /containers/{id}/resize
    + The client tells how large the container's terminal is; dockerd passes it on, and the kernel sends SIGWINCH to
      the program.
    - Without it full-screen programs of the container would not know the window and would break their lines in the
      wrong places.
    + O cliente diz o tamanho do terminal do contêiner; o dockerd repassa, e o kernel envia SIGWINCH ao programa.
    - Sem isso programas de tela cheia do contêiner não conheceriam a janela e quebrariam as linhas no lugar errado.

    = POST /containers/{id}/rename
    + The client asks for another name; id, process and files remain the same.
    - Without it a wrong name could only be mended by removing the container and creating it again.
    + O cliente pede outro nome; id, processo e arquivos continuam os mesmos.
    - Sem isso um nome errado só se corrigiria removendo o contêiner e criando de novo.

    = POST /containers/{id}/update
    + The client changes limits or the restart policy of a container that is there already; the cgroup files are
      written anew while it runs.
    - Without it a container that needs more memory would have to be replaced by a new one.
    + O cliente muda limites ou a política de reinício de um contêiner já existente; os arquivos do cgroup são
      reescritos com ele em execução.
    - Sem isso um contêiner que precisa de mais memória teria de ser trocado por um novo.

    = POST /containers/prune
    + The client asks to remove every stopped container that fits the filters, and to be told how much space that
      freed.
    - Without it old containers would have to be looked up and removed one by one.
    + O cliente pede para remover todo contêiner parado que passe pelos filtros e quer saber quanto espaço isso
      liberou.
    - Sem isso os contêineres velhos teriam de ser procurados e removidos um por um.

    = POST /commit
    + The client asks to make an image of a container: what its writable layer holds becomes a new layer over the
      image's.
    - Without it changes made by hand could never become an image; a Dockerfile would be the only way.
    + O cliente pede para fazer uma imagem de um contêiner: o que está na camada gravável vira uma nova camada sobre
      as da imagem.
    - Sem isso mudanças feitas à mão nunca virariam imagem; o Dockerfile seria o único caminho.
    """
}
