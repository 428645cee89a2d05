import OrderedJSON
import Sheets

// Batches whose rows come as a file: read on a thread of its own, then an order like any other.
extension Batches {
    /// Whether a caller may make batches of the tool that they name, or of the only one there is for them.
    ///
    /// - Throws: `notFound`, `permissionDenied` as a call of the tool does.
    package func checkMayMake(_ use: Action.Use) throws(GatewayError) {
        let name = try tool(for: use)
        let found = registry.snapshot.entry(name, organization: use.principal.organization, call: use.call)
        guard let found, found.tool.items != nil else { throw Batches.noSuchTool }
        try Authorize.check(found.tool, principal: use.principal, membership: use.membership)
    }

    static let noSuchTool = GatewayError(.notFound, "There is no tool of this name that makes batches.")

    /// The tool that a caller names, or the only one that makes batches for them.
    ///
    /// - Throws: `invalidArgument` where that is not one.
    package func tool(for use: Action.Use) throws(GatewayError) -> String {
        if let name = use.text("tool") { return name }
        let found = registry.snapshot.sorted.filter { entry in
            entry.tool.items != nil
                && Authorize.allows(entry.tool, principal: use.principal, membership: use.membership)
        }
        guard found.count == 1, let only = found.first else {
            throw GatewayError.wrong("tool", "expected the tool whose payments they are.")
        }
        return only.tool.name
    }

    /// Reads the file that came with a use of an action: its rows are the items.
    ///
    /// - Throws: `invalidArgument` for what is no such file, `tooLarge` for one past its bounds, `unavailable` while too many
    ///   are being read.
    package func order(of file: [UInt8], tool name: String, for use: Action.Use) async throws(GatewayError)
        -> BatchOrder
    {
        guard
            let items = registry.snapshot
                .entry(name, organization: use.principal.organization, call: use.call)?
                .tool.items
        else { throw Batches.noSuchTool }
        let phones = Set(items.sensitive.compactMap { $0.tokens.count == 1 ? $0.tokens.first : nil })
        let form = SheetItem.Form(items.schema, phones: phones)
        let columns = Batches.columns(use.arguments["columns"])
        let sheet = use.text("sheet")
        var limits = SheetLimits()
        limits.rowsMax = settings.itemsMax + settings.otherRowsMax
        limits.othersMax = settings.besideMax
        limits.otherCharactersMax = settings.besideCharactersMax
        let bounds = limits
        do throws(SheetError) {
            let found = try await sheets.run(for: use.principal.organization.description) { () throws(SheetError) in
                try SheetItem.all(in: file, sheet: sheet, as: form, naming: columns, limits: bounds)
            }
            return BatchOrder(file: found, keeping: settings, arguments: use.arguments)
        } catch { throw GatewayError(error) }
    }

    private static func columns(_ given: JSON?) -> [String: String] {
        (given?.objectValue ?? JSONObject()).reduce(into: [:]) { $0[$1.key] = $1.value.stringValue }
    }
}

extension GatewayError {
    /// Why a file of rows is not read or written.
    init(_ error: SheetError) {
        switch error.kind {
        case .tooLarge: self.init(.tooLarge, error.message)
        case .unreadable: self.init(.invalidArgument, error.message)
        case .unavailable: self.init(.unavailable, error.message, retryAfter: .seconds(2))
        }
    }
}

extension BatchOrder {
    /// Of the rows of a file.
    init(file read: SheetItems, keeping settings: Batches.Settings, arguments: JSON) {
        let found = read.items
        self.init(items: found.map(\.value), arguments: arguments)
        file = BatchOrder.told(read)
        rows = found.map(\.row)
        for (index, item) in found.enumerated() {
            if !item.faults.isEmpty {
                faults[index] = item.faults.map {
                    GatewayError.FieldError(pointer: $0.name.isEmpty ? "" : "/" + $0.name, message: $0.message)
                }
            }
            let others = item.others.prefix(settings.besideMax)
            if others.isEmpty { continue }
            beside[index] = .object(
                others.reduce(into: JSONObject()) { members, other in
                    let (name, text) = (other.header, other.text)
                    members[PlainText.name.shown(String(name.prefix(settings.besideCharactersMax)))] =
                        .string(PlainText.name.shown(String(text.prefix(settings.besideCharactersMax))))
                }
            )
        }
    }
    private static func told(_ read: SheetItems) -> JSON {
        var told: JSONObject = [:]
        if let sheet = read.sheet { told["sheet"] = .string(PlainText.name.shown(String(sheet.prefix(64)))) }
        told["columns"] = .object(
            read.columns.reduce(into: JSONObject()) {
                $0[$1.name] = .string(PlainText.name.shown(String($1.header.prefix(64))))
            }
        )
        return .object(told)
    }
}
