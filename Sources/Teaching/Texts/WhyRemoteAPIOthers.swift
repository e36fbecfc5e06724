extension WhyTexts {
  /// client → dockerd: images, networks, volumes, the system (Docker Engine API).
  static let remoteAPIOthers = """
    = HEAD /_ping
    + The client asks whether a daemon answers and which version of the API it speaks; then both talk in the lower of
      their versions.
    - Without it a new client would send fields to an old daemon that it silently ignores.
    + O cliente pergunta se há um daemon respondendo e qual versão da API ele fala; os dois passam a usar a menor das
      versões.
    - Sem isso um cliente novo mandaria a um daemon antigo campos que ele ignora em silêncio.

    = GET /_ping
    + The older form of the ping, with a body: it tells that a daemon is there and which version it speaks.
    - Without it a client that may not use HEAD could not agree on a version with the daemon.
    + A forma mais antiga do ping, com corpo: diz que há um daemon aí e que versão ele fala.
    - Sem isso um cliente que não pode usar HEAD não combinaria uma versão com o daemon.

    = GET /version
    + The client asks for the versions of the daemon and of the parts below it: containerd, runc, docker-init.
    - Without it bug reports would know only the client's version, which says little about who did the work.
    + O cliente pede as versões do daemon e das peças abaixo dele: containerd, runc, docker-init.
    - Sem isso relatos de erro só teriam a versão do cliente, que pouco diz sobre quem fez o trabalho.

    = GET /info
    + The client asks for the state of the whole host: counts, storage driver, runtimes, limits of the kernel,
      warnings. Sign-in and run ask it too for defaults.
    - Without it one could not see from afar what a daemon can do and how it is set up.
    + O cliente pede o estado da máquina inteira: contagens, driver de armazenamento, runtimes, limites do kernel,
      avisos. Login e run também o consultam para saber os padrões.
    - Sem isso não se veria à distância o que um daemon sabe fazer e como está configurado.

    = GET /events
    + The client subscribes to what happens: created, started, died, pulled. The answer does not end until the client
      goes away.
    - Without it tools would have to ask again and again, and would miss what is short.
    + O cliente assina o que acontece: criado, iniciado, morto, baixado. A resposta só termina quando o cliente vai
      embora.
    - Sem isso as ferramentas teriam de perguntar o tempo todo e perderiam o que é rápido.

    = GET /system/df
    + The client asks how much disk images, containers, volumes and build cache use, and how much of it could be
      freed.
    - Without it nobody would know why the disk is full, since shared layers make the sums of docker images wrong.
    + O cliente pergunta quanto disco imagens, contêineres, volumes e cache de build ocupam, e quanto poderia ser
      liberado.
    - Sem isso ninguém saberia por que o disco encheu, já que camadas compartilhadas tornam errada a soma do docker
      images.

    = GET /plugins
    + The client asks which plugins of the daemon are installed, for volumes, networks or logs.
    - Without it a driver named in a command could only be tried to find out whether it exists.
    + O cliente pergunta quais plugins do daemon estão instalados, para volumes, redes ou logs.
    - Sem isso só testando um driver citado num comando para descobrir se ele existe.

    = POST /auth
    + The client hands over user name and password for a registry; the daemon tries them there and says whether they
      are right.
    - Without it wrong credentials would be stored and would show only at the next pull or push.
    + O cliente entrega usuário e senha de um registry; o daemon os testa lá e diz se estão certos.
    - Sem isso credenciais erradas seriam guardadas e só apareceriam no próximo pull ou push.

    = POST /images/create
    + The client asks to pull an image (or to import a tar as one). dockerd hands the work to containerd; runC has no
      part in it, for nothing is executed.
    - Without it an image would have to be carried to the host as a file.
    + O cliente pede para baixar uma imagem (ou importar um tar como imagem). O dockerd passa o trabalho ao
      containerd; o runC não participa, pois nada é executado.
    - Sem isso uma imagem teria de ser levada à máquina como arquivo.

    = GET /images/json
    + The client asks for all images of the host with tags, sizes and dates: docker images as data.
    - Without it one could not see what a run can use without the registry.
    + O cliente pede todas as imagens da máquina, com tags, tamanhos e datas: é o docker images em forma de dados.
    - Sem isso não se veria o que um run pode usar sem o registry.

    = GET /images/{name}/json
    + The client asks for everything about one image: platform, command, environment, layers, digests.
    - Without it one would have to start a container to learn what an image would start.
    + O cliente pede tudo sobre uma imagem: plataforma, comando, ambiente, camadas, digests.
    - Sem isso seria preciso iniciar um contêiner para saber o que uma imagem iniciaria.

    = GET /images/{name}/history
    + The client asks by which steps an image was built, and how large each layer is.
    - Without it a fat image would not tell which instruction made it fat.
    + O cliente pergunta por quais passos uma imagem foi construída e qual o tamanho de cada camada.
    - Sem isso uma imagem inchada não revelaria qual instrução a inchou.

    = DELETE /images/{name}
    + The client asks to take a name away from an image; when it was the last one, content and snapshots go too, as
      far as nothing else uses them.
    - Without it disks would fill with images that nobody starts any more.
    + O cliente pede para tirar um nome de uma imagem; se era o último, conteúdo e snapshots também vão, desde que
      nada mais os use.
    - Sem isso os discos encheriam de imagens que ninguém mais inicia.

    = POST /images/{name}/tag
    + The client gives an image one more name: no byte is copied, only a pointer is written.
    - Without it an image could not be pushed anywhere else than where it came from, since the name says where to.
    + O cliente dá mais um nome a uma imagem: nenhum byte é copiado, só um ponteiro é gravado.
    - Sem isso uma imagem só poderia ser enviada ao lugar de onde veio, pois é o nome que diz o destino.

    = POST /images/{name}/push
    + The client asks to upload an image to the registry that its name names; only blobs that are missing there
      travel.
    - Without it what was built on one machine could not reach the others.
    + O cliente pede para enviar uma imagem ao registry que o nome dela indica; só viajam os blobs que faltam lá.
    - Sem isso o que foi construído numa máquina não chegaria às outras.

    = GET /images/get
    + The client asks for several images as one tar: docker save, for hosts that no registry reaches.
    - Without it a set of images that share layers would have to be saved one by one, each with its own copy.
    + O cliente pede várias imagens num só tar: é o docker save, para máquinas que nenhum registry alcança.
    - Sem isso imagens que compartilham camadas teriam de ser salvas uma a uma, cada qual com sua cópia.

    = GET /images/{name}/get
    + The client asks for one image as a tar with its layers and configuration.
    - Without it an image could leave a host only through a registry.
    + O cliente pede uma imagem como tar, com suas camadas e configuração.
    - Sem isso uma imagem só sairia de uma máquina por meio de um registry.

    = POST /images/load
    + The client sends a tar made by docker save; its images appear with names, layers and history.
    - Without it machines without a network could not get images at all.
    + O cliente envia um tar feito pelo docker save; as imagens aparecem com nomes, camadas e histórico.
    - Sem isso máquinas sem rede não teriam como receber imagens.

    = GET /images/search
    + The client asks the daemon to search a registry's index; the daemon, not the client, has the way to the
      internet.
    - Without it one would search in a browser and type the name by hand.
    + O cliente pede ao daemon que procure no índice de um registry; é o daemon, e não o cliente, que tem caminho para
      a internet.
    - Sem isso a busca seria no navegador, e o nome, digitado à mão.

    = POST /images/prune
    + The client asks to remove images that no tag names, or with -a all that no container uses.
    - Without it every build of the same tag would leave the one before behind for ever.
    + O cliente pede para remover imagens sem nenhuma tag ou, com -a, todas que nenhum contêiner usa.
    - Sem isso cada build da mesma tag deixaria a anterior para trás para sempre.

    = GET /distribution/{name}/json
    + The client asks what the registry has under a name, platforms and digest, without pulling anything.
    - Without it a reference could not be pinned to a digest before the download.
    + O cliente pergunta o que o registry tem sob um nome, plataformas e digest, sem baixar nada.
    - Sem isso uma referência não poderia ser fixada num digest antes do download.

    = POST /build
    + The client sends a build context and a Dockerfile; the daemon builds an image of them.
    - Without it images would have to be put together by hand, container by container and commit by commit.
    + O cliente envia um contexto de build e um Dockerfile; o daemon constrói uma imagem a partir deles.
    - Sem isso imagens teriam de ser montadas à mão, de contêiner em contêiner e de commit em commit.

    = POST /build/prune
    + The client asks to empty the build cache, or what of it is old.
    - Without it the cache of intermediate steps would grow with every build.
    + O cliente pede para esvaziar o cache de build, ou a parte velha dele.
    - Sem isso o cache de passos intermediários cresceria a cada build.

    = POST /build/cancel
    + The client asks to give up a build that is under way.
    - Without it Ctrl-C would end the client while the daemon goes on building.
    + O cliente pede para desistir de um build em andamento.
    - Sem isso o Ctrl-C encerraria o cliente enquanto o daemon continuaria construindo.

    = POST /session
    + The client opens a session over which a build can ask back: for files of the context, secrets, credentials.
    - Without it the whole context would have to be sent at the start, and secrets would have to be part of it.
    + O cliente abre uma sessão pela qual um build pode pedir de volta: arquivos do contexto, segredos, credenciais.
    - Sem isso o contexto inteiro teria de ir no começo, e os segredos iriam junto.

    = POST /grpc
    + The client turns the connection into gRPC to speak with BuildKit inside the daemon.
    - Without it a modern build would need a socket of its own beside the daemon's.
    + O cliente transforma a conexão em gRPC para falar com o BuildKit dentro do daemon.
    - Sem isso um build moderno precisaria de um socket próprio ao lado do socket do daemon.

    = GET /networks
    + The client asks for all networks that the daemon manages.
    - Without it one could not see which networks a container may be connected to.
    + O cliente pede todas as redes que o daemon administra.
    - Sem isso não se veria a quais redes um contêiner pode ser ligado.

    = GET /networks/{id}
    + The client asks for one network: driver, address range, gateway, and which containers are in it with which
      addresses.
    - Without it a wrong address or a missing container in a network could not be found from outside.
    + O cliente pede uma rede: driver, faixa de endereços, gateway e quais contêineres estão nela, com quais
      endereços.
    - Sem isso um endereço errado ou um contêiner ausente numa rede não seria encontrado de fora.

    = POST /networks/create
    + The client asks for a network of its own: dockerd takes a free address range and makes a bridge for it.
    - Without it all containers would share the default bridge, where they do not find each other by name.
    + O cliente pede uma rede própria: o dockerd escolhe uma faixa livre de endereços e cria uma bridge para ela.
    - Sem isso todos os contêineres dividiriam a bridge padrão, onde não se encontram pelo nome.

    = DELETE /networks/{id}
    + The client asks to remove a network that no container uses: its bridge and rules go, its addresses are free
      again.
    - Without it address ranges would run out after some dozens of networks.
    + O cliente pede para remover uma rede que nenhum contêiner usa: a bridge e as regras somem, os endereços ficam
      livres.
    - Sem isso as faixas de endereços acabariam depois de algumas dezenas de redes.

    = POST /networks/{id}/connect
    + The client plugs a container into one more network, also while it runs: it gets another interface.
    - Without it a container would belong for ever to the networks that it was created with.
    + O cliente liga um contêiner a mais uma rede, mesmo em execução: ele ganha outra interface.
    - Sem isso um contêiner pertenceria para sempre às redes com que foi criado.

    = POST /networks/{id}/disconnect
    + The client unplugs a container from a network: the interface disappears, the process goes on.
    - Without it cutting a container off would mean stopping it.
    + O cliente desliga um contêiner de uma rede: a interface some, o processo continua.
    - Sem isso isolar um contêiner exigiria pará-lo.

    = POST /networks/prune
    + The client asks to remove all networks of its own making that no container uses.
    - Without it forgotten test networks would keep their bridges and address ranges.
    + O cliente pede para remover todas as redes criadas por usuários que nenhum contêiner usa.
    - Sem isso redes de teste esquecidas manteriam suas bridges e faixas de endereços.

    = GET /volumes
    + The client asks for all volumes, also those that no container uses any more.
    - Without it data that outlived its container could be found only by looking into the daemon's folders.
    + O cliente pede todos os volumes, também os que nenhum contêiner usa mais.
    - Sem isso dados que sobreviveram ao contêiner só seriam achados vasculhando as pastas do daemon.

    = GET /volumes/{name}
    + The client asks where a volume is, which driver holds it and with which labels and options.
    - Without it a backup on the host would not know which folder to save.
    + O cliente pergunta onde está um volume, qual driver o guarda e com quais rótulos e opções.
    - Sem isso um backup na máquina não saberia que pasta salvar.

    = POST /volumes/create
    + The client asks for a place for data that lives longer than any container.
    - Without it data would be in a container's writable layer and would go with it.
    + O cliente pede um lugar para dados que vivem mais do que qualquer contêiner.
    - Sem isso os dados ficariam na camada gravável de um contêiner e iriam embora com ele.

    = PUT /volumes/{name}
    + The client changes settings of a volume of a cluster.
    - Without it such a volume would have to be created anew to change its availability.
    + O cliente muda configurações de um volume de cluster.
    - Sem isso um volume desses teria de ser recriado para mudar sua disponibilidade.

    = DELETE /volumes/{name}
    + The client asks to delete a volume with all its data; dockerd refuses as long as a container uses it.
    - Without it data that nobody needs would stay, for no container takes it along when it goes.
    + O cliente pede para apagar um volume com todos os dados; o dockerd recusa enquanto um contêiner o usa.
    - Sem isso dados de que ninguém precisa ficariam, pois nenhum contêiner os leva ao sair.

    = POST /volumes/prune
    + The client asks to delete the anonymous volumes that no container uses, with -a the named ones too.
    - Without it every removed database container would leave an unnamed volume of a gigabyte behind.
    + O cliente pede para apagar os volumes anônimos que nenhum contêiner usa e, com -a, também os que têm nome.
    - Sem isso cada contêiner de banco de dados removido deixaria para trás um volume sem nome de um gigabyte.
    """
}
