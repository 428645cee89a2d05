import OrderedJSON

/// What the host knows of a tool by its kind, whatever its author says: whether it moves money, and what follows.
///
/// A tool that *starts* an operation of direction in, out or reverse moves money. Nothing else does: a look-up only
/// finds, an operation of direction none only asks, and a function tool has no record, key or guard behind it, so that
/// the word would promise what nobody keeps. Callers are told what is derived, never what was stated against it.
enum ToolNature {
    /// Starts money on its way.
    case movesMoney
    /// Sends a request that moves nothing.
    case asks
    /// Finds a record, and may ask about it.
    case looksUp
    /// Runs the plugin's own code.
    case runs

    init(_ kind: ToolDescriptor.Kind, operations: [OperationKind]) {
        switch kind {
        case .operation(let index): self = operations[index].direction == .none ? .asks : .movesMoney
        case .lookUp: self = .looksUp
        case .function: self = .runs
        }
    }

    /// The annotations that callers are told.
    func annotations(from stated: ToolDescriptor.Annotations) -> ToolDescriptor.Annotations {
        var derived = stated
        derived.movesMoney = self == .movesMoney
        switch self {
        case .movesMoney:
            derived.readOnly = false
            // The same arguments are the same payment for a while only.
            derived.idempotent = false
            derived.openWorld = true
        case .asks: derived.openWorld = true
        case .looksUp:
            derived.readOnly = true
            derived.destructive = false
            derived.idempotent = true
            derived.openWorld = true
        case .runs: break
        }
        return derived
    }

    /// The bucket that its calls count in; one that was stated to be money's stays so, which costs nobody anything.
    func bucket(stated: String?, statedMoney: Bool) -> String {
        if self == .movesMoney { return "money" }
        return stated ?? (statedMoney ? "money" : "read")
    }

    /// Where a tool of the catalogue says something else than what is derived (rule C6).
    ///
    /// A new version is refused for it. One that was installed before this was asked starts all the same, with what is
    /// derived: payments must not stop because the host has learned to look.
    static func contradictions(
        _ reader: CatalogueReader,
        tool: ToolDescriptor,
        operations: [OperationKind]
    ) throws(CatalogueError) -> [CatalogueError] {
        let nature = ToolNature(tool.kind, operations: operations)
        let annotations = try reader.object("annotations")
        var found: [CatalogueError] = []
        guard nature == .movesMoney else {
            if try annotations.flag("money_moving") {
                let why =
                    "false: this tool starts no operation of direction in, out or reverse, and nothing else moves money"
                found.append(annotations.fail("money_moving", why, rule: "C6"))
            }
            return found
        }
        let starts = "this tool starts an operation that moves money"
        if try !annotations.flag("money_moving") {
            found.append(annotations.fail("money_moving", "true: \(starts)", rule: "C6"))
        }
        if try annotations.flag("read_only") {
            found.append(annotations.fail("read_only", "false: \(starts)", rule: "C6"))
        }
        if let rate = try reader.optionalObject("rate"), rate.has("bucket"), try rate.text("bucket") != "money" {
            found.append(rate.fail("bucket", "money: \(starts)", rule: "C6"))
        }
        if tool.route.method == "GET", let http = try reader.optionalObject("http") {
            // Whatever stands between may send a GET again, or ahead of its time.
            found.append(http.fail("method", "POST, PUT or DELETE: \(starts)", rule: "C6"))
        }
        return found
    }
}
