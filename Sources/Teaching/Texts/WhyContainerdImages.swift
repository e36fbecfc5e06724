extension WhyTexts {
  /// dockerd → containerd: content, images, snapshots, transfers, leases.
  static let containerdImages = """
    = containerd.services.content.v1.Content/Info
    + The caller asks whether a blob is in the content store, how large it is and which labels it has.
    - Without it a layer that is here already would be downloaded again.
    + Quem chama pergunta se um blob está no content store, qual o tamanho e que rótulos tem.
    - Sem isso uma camada que já está aqui seria baixada de novo.

    = containerd.services.content.v1.Content/Read
    + The caller reads bytes of a blob by its digest: a manifest, a config, or a layer to push.
    - Without it nobody could look into an image, since only containerd has the blobs.
    + Quem chama lê bytes de um blob pelo digest: um manifesto, uma configuração ou uma camada a enviar.
    - Sem isso ninguém olharia dentro de uma imagem, pois só o containerd tem os blobs.

    = containerd.services.content.v1.Content/Write
    + Bytes go into the content store and are committed only when their digest is the expected one: from then on they
      can be trusted.
    - Without it a broken download would become a broken image.
    + Bytes entram no content store e só são confirmados se o digest for o esperado: daí em diante são confiáveis.
    - Sem isso um download corrompido viraria uma imagem corrompida.

    = containerd.services.content.v1.Content/Update
    + The caller writes labels onto a blob: which children it has, from which registry it came. The garbage collector
      follows them.
    - Without it the collector would see layers that nothing points at, and would delete them.
    + Quem chama grava rótulos num blob: quais filhos tem, de que registry veio. O coletor de lixo segue esses
      rótulos.
    - Sem isso o coletor veria camadas para as quais nada aponta e as apagaria.

    = containerd.services.content.v1.Content/ListStatuses
    + The caller asks how far the downloads under way are: the progress bars of docker pull are drawn from this.
    - Without it a pull of a gigabyte would be silent until its end.
    + Quem chama pergunta até onde foram os downloads em andamento: as barras de progresso do docker pull saem daqui.
    - Sem isso o pull de um gigabyte ficaria mudo até o fim.

    = containerd.services.content.v1.Content/Status
    + The caller asks how far one download is, to resume it where it stopped.
    - Without it every broken connection would mean beginning the layer again.
    + Quem chama pergunta até onde foi um download, para retomá-lo de onde parou.
    - Sem isso cada conexão perdida significaria recomeçar a camada.

    = containerd.services.content.v1.Content/List
    + The caller asks for all blobs that fit a filter, to add up sizes or to find what belongs to an image.
    - Without it disk use could be guessed only from the folders.
    + Quem chama pede todos os blobs que passam num filtro, para somar tamanhos ou achar o que pertence a uma imagem.
    - Sem isso o uso de disco só poderia ser adivinhado pelas pastas.

    = containerd.services.content.v1.Content/Delete
    + The caller has one blob deleted at once, without waiting for the garbage collector.
    - Without it a blob known to be wrong would stay until the next collection.
    + Quem chama manda apagar um blob na hora, sem esperar o coletor de lixo.
    - Sem isso um blob sabidamente errado ficaria até a próxima coleta.

    = containerd.services.content.v1.Content/Abort
    + The caller gives a half-written blob up; its bytes are thrown away.
    - Without it broken uploads would lie around under names that nobody can use again.
    + Quem chama desiste de um blob escrito pela metade; seus bytes são jogados fora.
    - Sem isso envios interrompidos ficariam largados sob nomes que ninguém poderia reutilizar.

    = containerd.services.images.v1.Images/Create
    + A name is bound to the digest of a manifest or index: that is all an image is to containerd. It also keeps
      everything below from being collected.
    - Without it the content would be here, but no name would lead to it.
    + Um nome é ligado ao digest de um manifesto ou índice: para o containerd, uma imagem é só isso. Também protege da
      coleta tudo o que está abaixo.
    - Sem isso o conteúdo estaria aqui, mas nenhum nome levaria a ele.

    = containerd.services.images.v1.Images/Update
    + A name gets another target, as when latest is pulled again and is newer.
    - Without it a tag would point for ever at what it meant at the first pull.
    + Um nome ganha outro alvo, como quando latest é baixada de novo e está mais nova.
    - Sem isso uma tag apontaria para sempre para o que significava no primeiro pull.

    = containerd.services.images.v1.Images/Get
    + The caller asks which digest stands behind a name.
    - Without it dockerd could not tell whether the image is here or must be pulled.
    + Quem chama pergunta que digest está por trás de um nome.
    - Sem isso o dockerd não saberia se a imagem está aqui ou precisa ser baixada.

    = containerd.services.images.v1.Images/List
    + The caller asks for all names and their targets; docker images and lookups by id are made of this.
    - Without it an image could not be found by the beginning of its id.
    + Quem chama pede todos os nomes e seus alvos; docker images e buscas por id são feitos disso.
    - Sem isso uma imagem não seria encontrada pelo começo do id.

    = containerd.services.images.v1.Images/Delete
    + A name is removed; what only it kept alive will be collected.
    - Without it docker rmi could free nothing.
    + Um nome é removido; o que só ele mantinha vivo será coletado.
    - Sem isso o docker rmi não liberaria nada.

    = containerd.services.snapshots.v1.Snapshots/Prepare
    + A new writable snapshot is opened on top of a parent: to unpack a layer into, or as the container's own writable
      layer.
    - Without it a container would have to write into the image's files, and all containers of the image would see it.
    + Um novo snapshot gravável é aberto sobre um pai: para desempacotar nele uma camada, ou como a camada gravável do
      contêiner.
    - Sem isso um contêiner teria de gravar nos arquivos da imagem, e todos os contêineres dela veriam.

    = containerd.services.snapshots.v1.Snapshots/View
    + A read-only look at a snapshot is opened, to read files without changing anything.
    - Without it looking at an image's files would need a writable copy that must be thrown away.
    + Abre-se uma visão só de leitura de um snapshot, para ler arquivos sem mudar nada.
    - Sem isso olhar os arquivos de uma imagem exigiria uma cópia gravável que depois se joga fora.

    = containerd.services.snapshots.v1.Snapshots/Commit
    + The unpacked layer is closed under its chain id: read-only from now on, and the parent of whatever comes above.
    - Without it each container would have to unpack the image again.
    + A camada desempacotada é fechada sob seu chain id: só leitura daqui em diante, e pai do que vier acima.
    - Sem isso cada contêiner teria de desempacotar a imagem outra vez.

    = containerd.services.snapshots.v1.Snapshots/Stat
    + The caller asks whether a snapshot exists, of which kind it is and who its parent is.
    - Without it a layer that another image has unpacked already would be unpacked a second time.
    + Quem chama pergunta se um snapshot existe, de que tipo é e quem é o pai.
    - Sem isso uma camada que outra imagem já desempacotou seria desempacotada de novo.

    = containerd.services.snapshots.v1.Snapshots/Mounts
    + The caller asks what to mount to see a snapshot as one folder: for overlayfs the list of lower folders, the
      upper and the work folder.
    - Without it the layers would be separate folders that nobody puts together.
    + Quem chama pergunta o que montar para ver um snapshot como uma pasta só: no overlayfs, a lista de pastas
      inferiores, a superior e a de trabalho.
    - Sem isso as camadas seriam pastas separadas que ninguém junta.

    = containerd.services.snapshots.v1.Snapshots/Usage
    + The caller asks how many bytes and files a snapshot has of its own.
    - Without it docker ps -s and docker system df could not give sizes.
    + Quem chama pergunta quantos bytes e arquivos um snapshot tem de seu.
    - Sem isso docker ps -s e docker system df não teriam tamanhos a mostrar.

    = containerd.services.snapshots.v1.Snapshots/List
    + The caller asks for all snapshots with their parents, to add sizes up or find leftovers.
    - Without it nobody could tell which unpacked layers belong to no image.
    + Quem chama pede todos os snapshots com seus pais, para somar tamanhos ou achar sobras.
    - Sem isso ninguém saberia quais camadas desempacotadas não pertencem a imagem alguma.

    = containerd.services.snapshots.v1.Snapshots/Remove
    + A snapshot and its files are deleted: the writable layer of a removed container, or a layer that no image has
      any more.
    - Without it all that containers ever wrote would stay on the disk.
    + Um snapshot e seus arquivos são apagados: a camada gravável de um contêiner removido, ou uma camada que nenhuma
      imagem tem mais.
    - Sem isso tudo o que os contêineres já gravaram ficaria no disco.

    = containerd.services.snapshots.v1.Snapshots/Update
    + Labels of a snapshot are changed; the collector and lazy snapshotters read them.
    - Without it a snapshot's meaning would be fixed at the moment when it was made.
    + Os rótulos de um snapshot são mudados; o coletor e os snapshotters preguiçosos os leem.
    - Sem isso o significado de um snapshot ficaria fixo no momento em que foi feito.

    = containerd.services.snapshots.v1.Snapshots/Cleanup
    + The snapshotter is told to delete now the folders of snapshots that were removed before.
    - Without it removal would have to delete a million files while somebody waits.
    + O snapshotter recebe a ordem de apagar agora as pastas de snapshots já removidos.
    - Sem isso a remoção teria de apagar um milhão de arquivos enquanto alguém espera.

    = containerd.services.diff.v1.Diff/Apply
    + A layer is unpacked onto a snapshot: unzipped, its digest checked, files written, whiteouts turned into
      deletions.
    - Without it a layer would remain a tar, and a process cannot start from a tar.
    + Uma camada é desempacotada num snapshot: descomprimida, o digest conferido, arquivos gravados, whiteouts viram
      remoções.
    - Sem isso uma camada continuaria um tar, e um processo não parte de um tar.

    = containerd.services.diff.v1.Diff/Diff
    + The difference between two snapshots is written as a new layer: docker commit and docker diff are made of this.
    - Without it a container's changes could not become a layer of an image.
    + A diferença entre dois snapshots é gravada como uma nova camada: docker commit e docker diff saem daqui.
    - Sem isso as mudanças de um contêiner não virariam camada de uma imagem.

    = containerd.services.transfer.v1.Transfer/Transfer
    + One request says from where to where an image goes; containerd itself speaks with the registry, stores, checks
      and unpacks. Neither shim nor runC takes part.
    - Without it the caller would have to fetch each blob and hand it to containerd piece by piece.
    + Um único pedido diz de onde para onde vai a imagem; o próprio containerd fala com o registry, guarda, confere e
      desempacota. Nem shim nem runC participam.
    - Sem isso quem chama teria de buscar cada blob e entregá-lo ao containerd aos pedaços.

    = containerd.services.leases.v1.Leases/Create
    + The caller takes a lease: whatever it makes under it is safe from the garbage collector until the lease ends.
    - Without it a layer could be collected between its download and the moment when an image names it.
    + Quem chama toma um lease: o que fizer sob ele fica a salvo do coletor de lixo até o lease acabar.
    - Sem isso uma camada poderia ser coletada entre o download e o momento em que uma imagem a nomeia.

    = containerd.services.leases.v1.Leases/Delete
    + The lease is given back: what is named by then stays, the rest may be collected.
    - Without it leftovers of failed pulls would be protected for ever.
    + O lease é devolvido: o que já tem nome fica, o resto pode ser coletado.
    - Sem isso sobras de pulls que falharam ficariam protegidas para sempre.

    = containerd.services.leases.v1.Leases/List
    + The caller asks which leases there are, to find its own after a restart.
    - Without it a daemon that died in the middle of a pull would never give its lease back.
    + Quem chama pergunta quais leases existem, para reencontrar os seus depois de reiniciar.
    - Sem isso um daemon que morreu no meio de um pull nunca devolveria o lease.

    = containerd.services.leases.v1.Leases/AddResource
    + A blob or snapshot that is here already is put under a lease.
    - Without it only new things would be protected, not the shared layer that another image is about to give up.
    + Um blob ou snapshot que já está aqui é posto sob um lease.
    - Sem isso só coisas novas ficariam protegidas, e não a camada compartilhada que outra imagem está para largar.

    = containerd.services.leases.v1.Leases/DeleteResource
    + One thing is taken out of a lease; the others stay protected.
    - Without it everything would have to be protected until the last step is done.
    + Uma coisa é tirada de um lease; as outras continuam protegidas.
    - Sem isso tudo teria de ficar protegido até o último passo terminar.

    = containerd.services.leases.v1.Leases/ListResources
    + The caller asks what a lease protects.
    - Without it nobody could find out why a blob is not collected.
    + Quem chama pergunta o que um lease protege.
    - Sem isso ninguém descobriria por que um blob não é coletado.

    = containerd.services.streaming.v1.Streaming/Stream
    + Caller and containerd open a stream beside the request, for credentials or for the progress of a transfer.
    - Without it a long transfer could only answer at its end, and credentials would have to stand in the request.
    + Quem chama e o containerd abrem um fluxo ao lado do pedido, para credenciais ou para o progresso de uma
      transferência.
    - Sem isso uma transferência longa só responderia no fim, e as credenciais teriam de ir dentro do pedido.
    """
}
