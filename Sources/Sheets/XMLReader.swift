import CExpat

/// Gets what stands in a document of XML, in order.
protocol XMLTaker: AnyObject {
    /// An element begins; names are without their prefixes.
    func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError)
    /// The innermost element ends.
    func end(_ name: String) throws(SheetError)
    /// Text of the innermost element, perhaps a piece of it.
    func text(_ bytes: UnsafeBufferPointer<UInt8>) throws(SheetError)
}

extension XMLTaker {
    func end(_ name: String) throws(SheetError) {}
    func text(_ bytes: UnsafeBufferPointer<UInt8>) throws(SheetError) {}
}

/// The attributes of an element.
struct XMLAttributes {
    fileprivate let list: UnsafeMutablePointer<UnsafePointer<CChar>?>?

    /// The value of an attribute, by its name without a prefix.
    subscript(name: String) -> String? {
        guard var place = list else { return nil }
        while let found = place[0], let value = place[1] {
            if XMLReader.name(found) == name { return String(cString: value) }
            place += 2
        }
        return nil
    }

    /// Whether an attribute says yes.
    func isSet(_ name: String) -> Bool { ["1", "true", "on"].contains(self[name] ?? "") }
}

/// Reads a part of an archive as XML, within bounds: no document type, so no entities but XML's own five.
final class XMLReader {
    private let parser: OpaquePointer
    private let taker: any XMLTaker
    private let limits: SheetLimits
    private let deadline: SheetDeadline
    private let memory: XMLMemory
    private var depth = 0
    private var fed = 0
    private var error: SheetError?

    /// Hands a part out.
    static func read(
        _ name: String,
        of archive: ZipArchive,
        _ limits: SheetLimits,
        to taker: any XMLTaker
    ) throws(SheetError) {
        let memory = XMLMemory(limits)
        try memory.counting { () throws(SheetError) in
            guard let reader = XMLReader(taker, limits, archive.deadline, memory) else {
                throw SheetError(.unavailable, "the file cannot be read now. Try again in a moment.")
            }
            try archive.unpack(name) { (piece) throws(SheetError) in try reader.feed(piece, isLast: false) }
            try reader.feed(UnsafeBufferPointer(start: nil, count: 0), isLast: true)
        }
    }

    private init?(_ taker: any XMLTaker, _ limits: SheetLimits, _ deadline: SheetDeadline, _ memory: XMLMemory) {
        var suite = XMLMemory.suite
        guard let parser = XML_ParserCreate_MM(nil, &suite, nil) else { return nil }
        self.parser = parser
        self.taker = taker
        self.limits = limits
        self.deadline = deadline
        self.memory = memory
        XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
        XML_SetElementHandler(
            parser,
            { data, name, attributes in
                guard let name else { return }
                XMLReader.at(data) { (reader) throws(SheetError) in
                    try reader.begin(XMLReader.name(name), XMLAttributes(list: attributes))
                }
            },
            { data, name in
                guard let name else { return }
                XMLReader.at(data) { (reader) throws(SheetError) in
                    reader.depth -= 1
                    try reader.taker.end(XMLReader.name(name))
                }
            }
        )
        XML_SetCharacterDataHandler(parser) { data, text, length in
            guard let text else { return }
            text.withMemoryRebound(to: UInt8.self, capacity: Int(length)) { bytes in
                XMLReader.at(data) { (reader) throws(SheetError) in
                    try reader.taker.text(UnsafeBufferPointer(start: bytes, count: Int(length)))
                }
            }
        }
        XML_SetStartDoctypeDeclHandler(parser) { data, _, _, _, _ in
            XMLReader.at(data) { (_) throws(SheetError) in
                throw SheetError(
                    .unreadable,
                    "the file is refused: it declares a document type, as no spreadsheet does."
                )
            }
        }
    }

    deinit { XML_ParserFree(parser) }

    private static func at(
        _ data: UnsafeMutableRawPointer?,
        _ work: (XMLReader) throws(SheetError) -> Void
    ) {
        guard let data else { return }
        let reader = Unmanaged<XMLReader>.fromOpaque(data).takeUnretainedValue()
        // Expat may call a little longer after it was told to stop.
        guard reader.error == nil else { return }
        do throws(SheetError) { try work(reader) } catch {
            reader.error = error
            XML_StopParser(reader.parser, XML_Bool(0))
        }
    }

    private func begin(_ name: String, _ attributes: XMLAttributes) throws(SheetError) {
        depth += 1
        guard depth <= limits.xmlDepthMax else {
            throw SheetError(.tooLarge, "the file's elements stand more than \(limits.xmlDepthMax) deep.")
        }
        try taker.begin(name, attributes)
    }

    private func feed(_ piece: UnsafeBufferPointer<UInt8>, isLast: Bool) throws(SheetError) {
        try deadline.check()
        fed += piece.count
        let status = piece.withMemoryRebound(to: CChar.self) { bytes in
            XML_Parse(parser, bytes.baseAddress, Int32(bytes.count), isLast ? 1 : 0)
        }
        if let error { throw error }
        guard !memory.isSpent else {
            throw SheetError(.tooLarge, "the file's XML takes more than \(limits.xmlBytesMax) bytes to read.")
        }
        guard status == XML_STATUS_OK else {
            throw SheetError(.unreadable, "the file is damaged: it holds no whole XML.")
        }
        // What has begun and not ended waits in the parser.
        guard isLast || fed - Int(XML_GetCurrentByteIndex(parser)) <= limits.xmlPieceBytesMax else {
            throw SheetError(.tooLarge, "the file has a tag of more than \(limits.xmlPieceBytesMax) bytes.")
        }
    }

    /// A name without its prefix.
    static func name(_ text: UnsafePointer<CChar>) -> String {
        let whole = String(cString: text)
        guard let colon = whole.utf8.lastIndex(of: UInt8(ascii: ":")) else { return whole }
        return String(whole[whole.utf8.index(after: colon)...])
    }
}
