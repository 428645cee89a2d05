/// What an XLSX says of itself: its sheets, and where they and what they share stand in it.
struct Workbook {
    /// The name of the sheet that is read.
    let name: String
    /// Its part.
    let sheet: String
    /// The part of the texts that cells share.
    let texts: String?
    /// The part of the formats.
    let styles: String?

    /// Looks for a sheet by its name; nil for the only one that is shown.
    init(_ archive: ZipArchive, sheet wanted: String?, _ limits: SheetLimits) throws(SheetError) {
        guard archive.has("[Content_Types].xml") else {
            throw SheetError(.unreadable, "this is a zip file and no XLSX.")
        }
        try Workbook.refuseMacros(archive, limits)
        let root = Relations(of: "")
        try XMLReader.read("_rels/.rels", of: archive, limits, to: root)
        guard let place = root.first(of: "officeDocument") else {
            throw SheetError(.unreadable, "this is no XLSX: it names no workbook.")
        }
        let folder = place.contains("/") ? String(place[..<(place.lastIndex(of: "/") ?? place.endIndex)]) : ""
        let file = String(place.dropFirst(folder.isEmpty ? 0 : folder.count + 1))
        let relations = Relations(of: folder)
        let beside = (folder.isEmpty ? "" : folder + "/") + "_rels/" + file + ".rels"
        try XMLReader.read(beside, of: archive, limits, to: relations)
        let list = SheetList()
        try XMLReader.read(place, of: archive, limits, to: list)
        (name, sheet) = try Workbook.choose(wanted, of: list.sheets, relations)
        texts = relations.first(of: "sharedStrings")
        styles = relations.first(of: "styles")
    }

    /// Macros say nothing that is read here, but nobody needs them to pay.
    private static func refuseMacros(_ archive: ZipArchive, _ limits: SheetLimits) throws(SheetError) {
        let types = ContentTypes()
        try XMLReader.read("[Content_Types].xml", of: archive, limits, to: types)
        guard !types.hasMacros, !archive.hasAny({ $0.lowercased().hasSuffix("vbaproject.bin") }) else {
            throw SheetError(.unreadable, "the file holds macros. Save it as .xlsx, which has none.")
        }
        guard !types.isBinary else {
            throw SheetError(.unreadable, "this is an .xlsb. Save it as .xlsx, or as CSV.")
        }
    }

    private static func choose(
        _ wanted: String?,
        of sheets: [SheetList.Sheet],
        _ relations: Relations
    ) throws(SheetError) -> (name: String, place: String) {
        let readable = sheets.filter { relations[$0.relation]?.kind == "worksheet" }
        let found: [SheetList.Sheet]
        if let wanted {
            let name = wanted.lowercased()
            found = readable.filter { $0.name.lowercased() == name }
            guard !found.isEmpty else {
                throw SheetError(.unreadable, "sheet: there is none called \(SheetItem.shown(wanted)).")
            }
        } else {
            found = readable.filter { !$0.isHidden }
        }
        guard found.count <= 1 else {
            // One of them may be last month's.
            let names = found.prefix(12).map { "\"\(SheetItem.shown($0.name))\"" }.joined(separator: ", ")
            throw SheetError(
                .unreadable,
                "the file shows \(found.count) sheets: \(names). Say by sheet which one is meant."
            )
        }
        guard let found = found.first, let place = relations[found.relation]?.place else {
            throw SheetError(.unreadable, "the file has no sheet that is shown.")
        }
        guard !found.isHidden else {
            throw SheetError(
                .unreadable,
                "sheet: \(SheetItem.shown(found.name)) is hidden. Show it, and save the file."
            )
        }
        return (found.name, place)
    }
}

/// What kinds of parts there are.
private final class ContentTypes: XMLTaker {
    var hasMacros = false
    var isBinary = false

    func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError) {
        guard name == "Override" || name == "Default", let type = attributes["ContentType"]?.lowercased() else {
            return
        }
        if type.contains("macroenabled") || type.contains("vbaproject") { hasMacros = true }
        if type.contains("sheet.binary") { isBinary = true }
    }
}

/// The sheets of a workbook, in their order.
private final class SheetList: XMLTaker {
    struct Sheet {
        let name: String
        let relation: String
        let isHidden: Bool
    }

    var sheets: [Sheet] = []

    func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError) {
        guard name == "sheet", let title = attributes["name"], let relation = attributes["id"] else { return }
        let state = attributes["state"] ?? "visible"
        sheets.append(Sheet(name: title, relation: relation, isHidden: state != "visible"))
        guard sheets.count <= 1_000 else { throw SheetError(.tooLarge, "the file has more than 1000 sheets.") }
    }
}

/// What a part names by ids.
private final class Relations: XMLTaker {
    struct Relation {
        /// The last word of its type.
        let kind: String
        let place: String
    }

    private let folder: String
    private var all: [(id: String, relation: Relation)] = []

    init(of folder: String) { self.folder = folder }

    subscript(id: String) -> Relation? { all.first { $0.id == id }?.relation }

    func first(of kind: String) -> String? { all.first { $0.relation.kind == kind }?.relation.place }

    func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError) {
        guard name == "Relationship", attributes["TargetMode"] != "External", let id = attributes["Id"],
            let type = attributes["Type"], let target = attributes["Target"]
        else { return }
        let kind = type.split(separator: "/").last.map(String.init) ?? ""
        // What leads out of the archive leads nowhere.
        guard let place = Relations.place(of: target, in: folder) else { return }
        all.append((id, Relation(kind: kind, place: place)))
        guard all.count <= 1_000 else { throw SheetError(.tooLarge, "the file names more than 1000 parts.") }
    }

    private static func place(of target: String, in folder: String) -> String? {
        var parts = target.hasPrefix("/") ? [] : folder.split(separator: "/").map(String.init)
        for part in target.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": if parts.popLast() == nil { return nil }
            default: parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }
}
