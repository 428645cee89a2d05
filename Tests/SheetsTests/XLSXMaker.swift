import CZip
import Foundation

@testable import Sheets

/// Makes archives part by part, as every program that writes spreadsheets does in its own way.
struct XLSXMaker {
    /// The parts of a zip file, in order.
    var parts: [(name: String, text: String)]

    static let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    static let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    static let package = "http://schemas.openxmlformats.org/package/2006"

    /// A workbook of sheets, each with its rows as they stand in `sheetData`.
    init(
        _ sheets: [(name: String, rows: String)],
        hidden: Set<String> = [],
        shared: [String]? = nil,
        formats: [String] = []
    ) {
        let listed = sheets.enumerated()
            .map { index, sheet in
                let state = hidden.contains(sheet.name) ? " state=\"hidden\"" : ""
                return "<sheet name=\"\(sheet.name)\" sheetId=\"\(index + 1)\"\(state) r:id=\"s\(index + 1)\"/>"
            }
        let type = XLSXMaker.relations
        var named = sheets.indices.map { index in
            "<Relationship Id=\"s\(index + 1)\" Type=\"\(type)/worksheet\" Target=\"worksheets/sheet\(index + 1).xml\"/>"
        }
        if shared != nil {
            named.append("<Relationship Id=\"t\" Type=\"\(type)/sharedStrings\" Target=\"/xl/sharedStrings.xml\"/>")
        }
        if !formats.isEmpty {
            named.append("<Relationship Id=\"f\" Type=\"\(type)/styles\" Target=\"styles.xml\"/>")
        }
        parts = [
            ("[Content_Types].xml", "<Types xmlns=\"\(XLSXMaker.package)/content-types\"/>"),
            (
                "_rels/.rels",
                XLSXMaker.named(["<Relationship Id=\"r\" Type=\"\(type)/officeDocument\" Target=\"xl/workbook.xml\"/>"])
            ),
            (
                "xl/workbook.xml",
                """
                <workbook xmlns="\(XLSXMaker.main)" xmlns:r="\(type)"><sheets>\(listed.joined())</sheets></workbook>
                """
            ),
            ("xl/_rels/workbook.xml.rels", XLSXMaker.named(named)),
        ]
        if let shared {
            let texts = shared.map { "<si>\($0)</si>" }.joined()
            parts.append(("xl/sharedStrings.xml", "<sst xmlns=\"\(XLSXMaker.main)\">\(texts)</sst>"))
        }
        if !formats.isEmpty { parts.append(("xl/styles.xml", XLSXMaker.styles(formats))) }
        for (index, sheet) in sheets.enumerated() {
            let text = "<worksheet xmlns=\"\(XLSXMaker.main)\"><sheetData>\(sheet.rows)</sheetData></worksheet>"
            parts.append(("xl/worksheets/sheet\(index + 1).xml", text))
        }
    }

    static func named(_ relations: [String]) -> String {
        "<Relationships xmlns=\"\(package)/relationships\">\(relations.joined())</Relationships>"
    }

    private static func styles(_ codes: [String]) -> String {
        let formats = codes.enumerated()
            .map { "<numFmt numFmtId=\"\(164 + $0)\" formatCode=\"\($1.replacing("\"", with: "&quot;"))\"/>" }
        let cells = codes.indices.map { "<xf numFmtId=\"\(164 + $0)\"/>" }
        return """
            <styleSheet xmlns="\(main)"><numFmts>\(formats.joined())</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>\
            <cellXfs><xf numFmtId="0"/>\(cells.joined())<xf numFmtId="14"/></cellXfs></styleSheet>
            """
    }

    /// Sets what a part holds.
    mutating func set(_ name: String, _ text: String) {
        parts.removeAll { $0.name == name }
        parts.append((name, text))
    }

    /// The file.
    func bytes() -> [UInt8] { XLSXMaker.zip(parts.map { ($0.name, Array($0.text.utf8)) }) }

    /// A zip file of any parts.
    static func zip(_ parts: [(name: String, bytes: [UInt8])], password: String? = nil) -> [UInt8] {
        var error = zip_error_t()
        guard let source = zip_source_buffer_create(nil, 0, 0, &error),
            let archive = zip_open_from_source(source, ZIP_TRUNCATE, &error)
        else { return [] }
        zip_source_keep(source)
        defer { zip_source_free(source) }
        // The archive reads what it packs when it is closed.
        let kept = parts.map { part -> UnsafeMutableBufferPointer<UInt8> in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, part.bytes.count))
            _ = copy.update(fromContentsOf: part.bytes)
            return copy
        }
        defer { kept.forEach { $0.deallocate() } }
        for (part, copy) in Swift.zip(parts, kept) {
            let content = zip_source_buffer(archive, copy.baseAddress, zip_uint64_t(part.bytes.count), 0)
            let index = zip_file_add(archive, part.name, content, zip_flags_t(ZIP_FL_ENC_UTF_8))
            if let password {
                zip_file_set_encryption(archive, zip_uint64_t(index), UInt16(ZIP_EM_AES_256), password)
            }
        }
        guard zip_close(archive) == 0, zip_source_open(source) == 0 else { return [] }
        zip_source_seek(source, 0, SEEK_END)
        var bytes = [UInt8](repeating: 0, count: Int(zip_source_tell(source)))
        zip_source_seek(source, 0, SEEK_SET)
        zip_source_read(source, &bytes, zip_uint64_t(bytes.count))
        zip_source_close(source)
        return bytes
    }
}

/// What a file holds, a row's texts each.
func rows(_ bytes: [UInt8], sheet: String? = nil, limits: SheetLimits = SheetLimits()) throws(SheetError) -> [SheetRow]
{
    final class Found { var rows: [SheetRow] = [] }
    let found = Found()
    try SheetFile.read(bytes, sheet: sheet, limits: limits) { (row) throws(SheetError) in found.rows.append(row) }
    return found.rows
}

/// The texts of rows.
func texts(_ bytes: [UInt8], sheet: String? = nil, limits: SheetLimits = SheetLimits()) throws(SheetError) -> [[String]]
{
    try rows(bytes, sheet: sheet, limits: limits).map { $0.cells.map(\.text) }
}
