import Handoff

extension Party {
  /// The container network plugins (`/opt/cni/bin/bridge` and its like), as ctr, CRI-O and the Fargate agent execute them.
  static let cni = Party("cni")
  /// podman's network tool.
  static let netavark = Party("netavark")
  /// CRI-O's small helper that makes namespaces and pins them to files.
  static let pinns = Party("pinns")
  /// The storage driver inside the docker daemon of before 1.11.
  static let graphdriver = Party("graphdriver")
  /// The control plane of Amazon's Elastic Container Service.
  static let ecs = Party("ecs")
  /// Amazon's CloudWatch Logs, where Fargate's containers write.
  static let cloudwatch = Party("cloudwatch")
}
