extension WhyTexts {
  /// dockerd → kernel: netlink and netfilter.
  static let network = """
    = RTM_NEWLINK bridge
    + dockerd asks the kernel for a bridge, a switch in software, to which the containers of one network are plugged,
      and gives it the gateway's address.
    - Without it the containers of a network would have cables but nothing to plug them into.
    + O dockerd pede ao kernel uma bridge, um switch em software, onde se ligam os contêineres de uma rede, e lhe dá o
      endereço do gateway.
    - Sem isso os contêineres de uma rede teriam cabos, mas nada em que ligá-los.

    = RTM_DELLINK bridge
    + dockerd removes the bridge of a network that was deleted.
    - Without it its address range would stay taken on the host.
    + O dockerd remove a bridge de uma rede apagada.
    - Sem isso a faixa de endereços continuaria ocupada na máquina.

    = RTM_NEWLINK veth
    + dockerd makes a pair of interfaces that are joined like the ends of a cable: one goes to the bridge, the other,
      as eth0, into the container's network namespace with its address.
    - Without it the container would have a loopback interface only, as with --network none.
    + O dockerd cria um par de interfaces unidas como pontas de um cabo: uma vai para a bridge, a outra, como eth0,
      para o network namespace do contêiner, com seu endereço.
    - Sem isso o contêiner só teria a interface loopback, como em --network none.

    = RTM_DELLINK veth
    + dockerd removes a container's cable from a network.
    - Without it a disconnected container would go on talking there.
    + O dockerd remove o cabo de um contêiner numa rede.
    - Sem isso um contêiner desconectado continuaria falando ali.

    = RTM_NEWROUTE default
    + dockerd sets the gateway that the container's packets take out of their own network.
    - Without it the container would reach its neighbours but not the internet.
    + O dockerd define o gateway por onde os pacotes do contêiner saem da própria rede.
    - Sem isso o contêiner alcançaria os vizinhos, mas não a internet.

    = NFT_MSG_NEWRULE dnat
    + dockerd writes a firewall rule that sends what comes to a port of the host on to the container: what -p asks
      for.
    - Without it the container could be reached only from its own network and from the host.
    + O dockerd grava uma regra de firewall que manda ao contêiner o que chega a uma porta da máquina: é o que -p
      pede.
    - Sem isso o contêiner só seria alcançado de sua própria rede e da máquina.

    = NFT_MSG_DELRULE dnat
    + dockerd takes a published port's rule away.
    - Without it the port of the host would lead to an address that another container may have next.
    + O dockerd retira a regra de uma porta publicada.
    - Sem isso a porta da máquina levaria a um endereço que outro contêiner pode receber depois.

    = bind 127.0.0.11:53
    + dockerd opens its DNS server inside the container's network namespace: it knows the containers of the same
      networks by name.
    - Without it containers would have to know each other's addresses, which change with every start.
    + O dockerd abre seu servidor DNS dentro do network namespace do contêiner: ele conhece pelo nome os contêineres
      das mesmas redes.
    - Sem isso contêineres teriam de saber os endereços uns dos outros, que mudam a cada início.
    """
}
