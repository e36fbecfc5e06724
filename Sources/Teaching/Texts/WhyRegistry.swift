extension WhyTexts {
  /// containerd → registry: the distribution API, token services, Harbor, ECR.
  static let registry = """
    = GET /v2/
    + The caller knocks: does somebody speak the distribution API here, and does it want a sign-in? A 401 names the
      way in WWW-Authenticate.
    - Without it docker login could not find out whether the registry wants basic authentication or a token.
    + Quem chama bate à porta: alguém aqui fala a API de distribuição, e exige login? Um 401 indica o caminho em
      WWW-Authenticate.
    - Sem isso o docker login não descobriria se o registry quer autenticação básica ou token.

    = HEAD /v2/{name}/manifests/{reference}
    + A tag is resolved: the answer's headers give digest, size and media type without the document. Docker Hub does
      not count it as a pull.
    - Without it every look whether latest is newer would cost a whole pull.
    + Uma tag é resolvida: os cabeçalhos da resposta dão digest, tamanho e tipo sem o documento. O Docker Hub não
      conta isso como pull.
    - Sem isso cada olhada para ver se latest está mais nova custaria um pull inteiro.

    = GET /v2/{name}/manifests/{reference}
    + The index or manifest itself is fetched: the index lists an image for each platform, the manifest its config and
      layers by digest. This is what Docker Hub's limit counts.
    - Without it nobody would know which blobs make up the image.
    + Busca-se o próprio índice ou manifesto: o índice lista uma imagem por plataforma, o manifesto lista configuração
      e camadas por digest. É isso que o limite do Docker Hub conta.
    - Sem isso ninguém saberia quais blobs formam a imagem.

    = PUT /v2/{name}/manifests/{reference}
    + As the last step of a push the manifest goes up, under its tag; the registry refuses it while a blob that it
      names is missing.
    - Without it the blobs would be in the registry, but no name would lead to them, and they would be collected.
    + No último passo de um push o manifesto sobe, sob sua tag; o registry o recusa enquanto faltar um blob que ele
      cita.
    - Sem isso os blobs estariam no registry, mas nenhum nome levaria a eles, e seriam coletados.

    = DELETE /v2/{name}/manifests/{reference}
    + A tag or a manifest is deleted from the registry; its blobs go at the next garbage collection.
    - Without it images with a leaked secret would stay available for ever.
    + Uma tag ou um manifesto é apagado do registry; os blobs vão na próxima coleta de lixo.
    - Sem isso imagens com um segredo vazado ficariam disponíveis para sempre.

    = HEAD /v2/{name}/blobs/{digest}
    + Before it uploads a layer, the pusher asks whether the registry has it already.
    - Without it every push would send all layers again, also those of the base image that everybody shares.
    + Antes de enviar uma camada, quem faz o push pergunta se o registry já a tem.
    - Sem isso cada push mandaria todas as camadas de novo, até as da imagem base que todos compartilham.

    = GET /v2/{name}/blobs/{digest}
    + A layer or config is downloaded by its digest, several at the same time; each is checked against the digest as
      it arrives.
    - Without it the image would be a list of digests with nothing behind them.
    + Uma camada ou configuração é baixada pelo digest, várias ao mesmo tempo; cada uma é conferida com o digest ao
      chegar.
    - Sem isso a imagem seria uma lista de digests sem nada por trás.

    = DELETE /v2/{name}/blobs/{digest}
    + A blob is taken out of a repository.
    - Without it the bytes of a deleted image would remain until the registry cleans up by itself.
    + Um blob é retirado de um repositório.
    - Sem isso os bytes de uma imagem apagada restariam até o registry limpar por conta própria.

    = POST /v2/{name}/blobs/uploads/
    + An upload is begun, or another repository's blob is asked to be shared (mount). The answer says where the bytes
      are to go.
    - Without it layers that the registry has in another repository would have to travel once more.
    + Um envio é iniciado, ou pede-se para compartilhar o blob de outro repositório (mount). A resposta diz para onde
      vão os bytes.
    - Sem isso camadas que o registry tem em outro repositório teriam de viajar outra vez.

    = PATCH /v2/{name}/blobs/uploads/{reference}
    + A piece of a blob is sent; after a broken connection the next piece goes on from there.
    - Without it a layer of two gigabytes would have to get through in one go.
    + Um pedaço de um blob é enviado; depois de uma conexão perdida, o próximo pedaço continua dali.
    - Sem isso uma camada de dois gigabytes teria de passar de uma só vez.

    = PUT /v2/{name}/blobs/uploads/{reference}
    + The upload is finished with the blob's digest; the registry counts it up itself and refuses when it differs.
    - Without it a registry could keep broken layers and notice only at somebody's pull.
    + O envio é concluído com o digest do blob; o registry recalcula por conta própria e recusa se for diferente.
    - Sem isso um registry poderia guardar camadas corrompidas e só notar no pull de alguém.

    = GET /v2/{name}/blobs/uploads/{reference}
    + The pusher asks how many bytes of an upload have arrived.
    - Without it an interrupted upload could not be resumed at the right place.
    + Quem faz o push pergunta quantos bytes de um envio chegaram.
    - Sem isso um envio interrompido não seria retomado no lugar certo.

    = DELETE /v2/{name}/blobs/uploads/{reference}
    + The pusher gives an upload up.
    - Without it half layers would use the registry's disk until they time out.
    + Quem faz o push desiste de um envio.
    - Sem isso meias camadas ocupariam o disco do registry até expirarem.

    = GET /v2/{name}/tags/list
    + The caller asks for a repository's tags, page by page.
    - Without it docker pull --all-tags could not know what to pull.
    + Quem chama pede as tags de um repositório, página por página.
    - Sem isso o docker pull --all-tags não saberia o que baixar.

    = GET /v2/_catalog
    + The caller asks which repositories the registry has; the big public ones refuse.
    - Without it the owner of a private registry would have to look into its disk.
    + Quem chama pergunta quais repositórios o registry tem; os grandes registries públicos recusam.
    - Sem isso o dono de um registry privado teria de olhar no disco dele.

    = GET /v2/{name}/referrers/{digest}
    + The caller asks what refers to an image: signatures, bills of materials, attestations.
    - Without it a signature would have to be guessed by a naming convention of tags.
    + Quem chama pergunta o que se refere a uma imagem: assinaturas, listas de materiais, atestados.
    - Sem isso uma assinatura teria de ser adivinhada por uma convenção de nomes de tags.

    = GET /token
    + The token service is asked for a short-lived token that allows exactly this, such as pull from library/nginx;
      anonymous users get one too.
    - Without it each registry server would have to see and check the password with each request.
    + Pede-se ao serviço de tokens um token de vida curta que permite exatamente isto, como pull de library/nginx;
      usuários anônimos também recebem um.
    - Sem isso cada servidor do registry teria de ver e conferir a senha em cada pedido.

    = POST /token
    + The token service is asked in OAuth 2's way: user name and password go in the body and not in a header.
    - Without it identity tokens, which stand in for the password on disk, could not be exchanged.
    + O serviço de tokens é consultado ao modo do OAuth 2: usuário e senha vão no corpo, e não num cabeçalho.
    - Sem isso tokens de identidade, que substituem a senha no disco, não poderiam ser trocados.

    = GET /service/token
    + Harbor's own token service is asked: it looks at project members and robot accounts and says what the caller may
      do.
    - Without it a robot account of one project could be used for all of Harbor.
    + O serviço de tokens do próprio Harbor é consultado: ele olha membros do projeto e contas robot e diz o que quem
      chama pode fazer.
    - Sem isso a conta robot de um projeto serviria para o Harbor inteiro.

    = POST /service/token
    + The client first tries OAuth 2 at Harbor's token service, which does not know it; the client then asks with GET.
    - Without the second way only registries with the newer kind of token service could be used with a password.
    + O cliente tenta primeiro OAuth 2 no serviço de tokens do Harbor, que não o conhece; então pergunta com GET.
    - Sem o segundo caminho só registries com o tipo mais novo de serviço de tokens aceitariam senha.

    = GET /v1/search
    + Docker Hub's index is searched by name and description; it is the last piece of the first registry API still in
      use.
    - Without it docker search would have nothing to ask, for the second API knows no search.
    + O índice do Docker Hub é pesquisado por nome e descrição; é a última peça ainda em uso da primeira API de
      registry.
    - Sem isso o docker search não teria a quem perguntar, pois a segunda API não conhece busca.

    = GET /{location}
    + The registry has sent the caller on to where the bytes really are, a CDN or a bucket; the address itself is the
      permission, so no token goes along.
    - Without it every byte of every pull in the world would have to pass through the registry's own servers.
    + O registry mandou quem chama para onde os bytes de fato estão, uma CDN ou um bucket; o próprio endereço é a
      permissão, por isso nenhum token vai junto.
    - Sem isso cada byte de cada pull do mundo passaria pelos servidores do próprio registry.

    = HEAD /{location}
    + The caller asks the CDN or bucket, to which it was sent on, whether the blob is there.
    - Without it a push could not tell a blob that is there from one that only seems to be.
    + Quem chama pergunta à CDN ou ao bucket, para onde foi mandado, se o blob está lá.
    - Sem isso um push não distinguiria um blob presente de um que só parece estar.

    = PUT /{location}
    + The bytes of an upload go to the address that the registry named for them.
    - Without it registries could not let a storage service take the bytes.
    + Os bytes de um envio vão para o endereço que o registry indicou.
    - Sem isso registries não poderiam deixar um serviço de armazenamento receber os bytes.

    = PATCH /{location}
    + A piece of an upload goes to the address that the registry named for it.
    - Without it large layers could not be sent in pieces to a storage service.
    + Um pedaço de um envio vai para o endereço que o registry indicou.
    - Sem isso camadas grandes não seriam enviadas em pedaços a um serviço de armazenamento.

    = POST /
    + ECR's own API is asked for a password that lasts twelve hours, signed with the caller's AWS keys: aws ecr
      get-login-password.
    - Without it AWS identities could not be used by docker, which knows only user names and passwords.
    + A API do próprio ECR é consultada por uma senha que vale doze horas, assinada com as chaves AWS de quem chama:
      aws ecr get-login-password.
    - Sem isso identidades da AWS não serviriam ao docker, que só conhece usuários e senhas.

    = GET /api/v2.0/projects
    + Harbor is asked which projects the caller may see, public ones and those of which it is a member.
    - Without it one would have to know a project's name to find it.
    + Pergunta-se ao Harbor quais projetos quem chama pode ver, os públicos e aqueles de que é membro.
    - Sem isso seria preciso saber o nome de um projeto para achá-lo.

    = GET /api/v2.0/projects/{project}/repositories/{repository}/artifacts/{reference}/additions/vulnerabilities
    + Harbor is asked what its scanner found in an image: each weakness with package, version and the version that
      mends it.
    - Without it one would know that a pull is forbidden, but not why and what to do.
    + Pergunta-se ao Harbor o que o scanner encontrou numa imagem: cada fraqueza com pacote, versão e a versão que
      corrige.
    - Sem isso se saberia que um pull é proibido, mas não por quê nem o que fazer.

    = POST /api/v2.0/projects/{project}/repositories/{repository}/artifacts/{reference}/scan
    + Harbor is asked to scan an image now, with what is known of weaknesses today.
    - Without it an image scanned last year would be thought clean for ever.
    + Pede-se ao Harbor que examine uma imagem agora, com o que se sabe hoje de fraquezas.
    - Sem isso uma imagem examinada no ano passado seria tida como limpa para sempre.
    """
}
