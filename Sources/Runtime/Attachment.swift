import JSONTree

/// A mount that is made where nobody sees it, and then put in its place: one composite call.
///
/// Linux makes it detached (fsopen(2), fsconfig(2), fsmount(2); a bind mount by open_tree(2) OPEN_TREE_CLONE), sets its
/// attributes (mount_setattr(2)), fills it (`copyUp`), opens the target once, makes it where it is missing (`makes`),
/// and attaches the one descriptor to the other (move_mount(2) MOVE_MOUNT_T_EMPTY_PATH). No path is resolved twice.
public struct Attachment: Sendable, Hashable {
  /// A bind mount: the path of what is bound, as the calling process sees it. Otherwise what mountinfo shows.
  public var source: String
  public var target: KernelPath
  /// The file system's type; empty is a bind mount.
  public var type: String
  /// Attributes of the mount itself (of the topmost when it is `recursive`): `MOUNT_ATTR_RDONLY`, …
  public var attributes: [String]
  /// Attributes that the source of a bind mount has and this mount shall not.
  public var cleared: [String]
  /// The file system's own options, comma-separated.
  public var data: String
  /// The mounts below the source come along.
  public var recursive: Bool
  public var idMap: MountIDMap?
  /// The mounts below are mapped too (`ridmap`).
  public var recursiveIDMap = false
  /// Attributes of the mount and of all below it (`rro`, …); the access-time field is cleared by `MOUNT_ATTR__ATIME`.
  public var recursiveSet: [String] = []
  public var recursiveClear: [String] = []
  /// One change of propagation each, in order; flags of mount(2): `["MS_PRIVATE", "MS_REC"]`.
  public var propagation: [[String]] = []
  /// The file system begins with a copy of what it covers (`tmpcopyup`).
  public var copyUp = false
  /// Its root takes over the mode of the folder that it covers, when `data` has no `mode=`.
  public var modeOfTarget = false
  /// What is made at the target when nothing is there, with the folders on the way (mode 0755).
  public var makes = Missing.nothing
  /// A bind mount whose mount was made by `prepareMount` of this number; `source`, `recursive` and `idMap` are then for
  /// people to read.
  public var prepared: Int?
  /// The target must be a folder reached without symbolic links (procfs, sysfs; CVE-2019-19921): ELOOP otherwise.
  public var ordinary = false
  /// The target may lie in procfs. Where it may not and does, Linux is not asked: EXDEV.
  public var mayCoverProc = false

  public enum Missing: String, Sendable, Hashable { case nothing, directory, file }

  public init(
    source: String, target: KernelPath, type: String = "", attributes: [String] = [], cleared: [String] = [],
    data: String = "", recursive: Bool = false, idMap: MountIDMap? = nil
  ) {
    (self.source, self.target, self.type, self.attributes) = (source, target, type, attributes)
    (self.cleared, self.data, self.recursive, self.idMap) = (cleared, data, recursive, idMap)
  }

  public var isBind: Bool { type.isEmpty }

  var json: JSON {
    var object: JSONObject = ["from": .string(source)]
    func add(_ name: String, _ value: JSON) { object.members.append(.init(name, value)) }
    if let root = target.root { add("root", .string(root)) }
    add("to", .string(target.path))
    add("type", .string(type))
    add("attr_set", JSON(attributes))
    if !cleared.isEmpty { add("attr_clr", JSON(cleared)) }
    add("data", .string(data))
    if recursive { add("flags", "AT_RECURSIVE") }
    if !recursiveSet.isEmpty { add("attr_set_recursive", JSON(recursiveSet)) }
    if !recursiveClear.isEmpty { add("attr_clr_recursive", JSON(recursiveClear)) }
    for flags in propagation { add("propagation", .string(flags.joined(separator: "|"))) }
    if let idMap {
      add("uid_map", JSON(idMap.uid.map(\.description)))
      add("gid_map", JSON(idMap.gid.map(\.description)))
      if recursiveIDMap { add("idmap_flags", "AT_RECURSIVE") }
    }
    if let prepared { add("prepared", JSON(prepared)) }
    if copyUp { add("tmpcopyup", true) }
    if makes != .nothing { add("makes", .string(makes.rawValue)) }
    return .object(object)
  }
}
