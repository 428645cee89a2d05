import CZip

/// The parts of a zip file, unpacked piece by piece within bounds.
///
/// Nothing of it is ever written anywhere, so the names of its parts lead nowhere but into it.
final class ZipArchive {
    private struct Part {
        let index: zip_uint64_t
        let packed: Int
    }

    private let archive: OpaquePointer
    private let limits: SheetLimits
    /// Until when it may be read.
    let deadline: SheetDeadline
    private var parts: [String: Part] = [:]
    private var unpacked = 0
    /// So many bytes are unpacked at a time.
    private static let pieceBytes = 16 << 10

    /// Opens the bytes of a zip file for as long as `body` runs.
    static func reading<Result>(
        _ bytes: [UInt8],
        _ limits: SheetLimits,
        _ body: (ZipArchive) throws(SheetError) -> Result
    ) throws(SheetError) -> Result {
        try bytes.withUnsafeBufferPointer { (buffer) throws(SheetError) -> Result in
            var error = zip_error_t()
            zip_error_init(&error)
            defer { zip_error_fini(&error) }
            let length = zip_uint64_t(buffer.count)
            guard let source = zip_source_buffer_create(buffer.baseAddress, length, 0, &error) else { throw broken }
            guard let opened = zip_open_from_source(source, ZIP_RDONLY, &error) else {
                zip_source_free(source)
                throw broken
            }
            defer { zip_discard(opened) }
            return try body(try ZipArchive(opened, limits))
        }
    }

    static let broken = SheetError(.unreadable, "the file is damaged or cut short: it cannot be unpacked.")

    private init(_ archive: OpaquePointer, _ limits: SheetLimits) throws(SheetError) {
        self.archive = archive
        self.limits = limits
        deadline = SheetDeadline(limits)
        let count = zip_get_num_entries(archive, 0)
        guard count >= 0 else { throw ZipArchive.broken }
        guard count <= limits.partsMax else {
            throw SheetError(.tooLarge, "the file is packed of more than \(limits.partsMax) parts.")
        }
        for index in 0..<zip_uint64_t(count) { try add(index) }
    }

    private func add(_ index: zip_uint64_t) throws(SheetError) {
        var about = zip_stat_t()
        zip_stat_init(&about)
        guard zip_stat_index(archive, index, 0, &about) == 0, let text = about.name else { throw ZipArchive.broken }
        // The first of two names would be read here, and the second by others.
        guard
            parts.updateValue(Part(index: index, packed: Int(clamping: about.comp_size)), forKey: String(cString: text))
                == nil
        else { throw SheetError(.unreadable, "the file has two parts of one name.") }
        guard about.encryption_method == UInt16(ZIP_EM_NONE) else {
            throw SheetError(.unreadable, "the file has a password. Save it without one.")
        }
    }

    /// Whether there is a part of this name.
    func has(_ name: String) -> Bool { parts[name] != nil }

    /// Whether a part's name is of a kind.
    func hasAny(_ isWanted: (String) -> Bool) -> Bool { parts.keys.contains(where: isWanted) }

    /// Unpacks a part; what `take` throws ends it.
    func unpack(
        _ name: String,
        _ take: (UnsafeBufferPointer<UInt8>) throws(SheetError) -> Void
    ) throws(SheetError) {
        guard let part = parts[name] else {
            throw SheetError(.unreadable, "this is no XLSX: its part \(name) is missing.")
        }
        guard let file = zip_fopen_index(archive, part.index, 0) else { throw ZipArchive.broken }
        defer { zip_fclose(file) }
        var piece = [UInt8](repeating: 0, count: ZipArchive.pieceBytes)
        var count = 0
        while true {
            let read = piece.withUnsafeMutableBytes { zip_fread(file, $0.baseAddress, zip_uint64_t($0.count)) }
            guard read >= 0 else { throw ZipArchive.broken }
            guard read > 0 else { return }
            count += Int(read)
            unpacked += Int(read)
            guard unpacked <= limits.unpackedBytesMax,
                count <= limits.ratioFreeBytes || count / limits.ratioMax <= part.packed
            else { throw SheetError(.tooLarge, "the file becomes too long when it is unpacked.") }
            try piece.withUnsafeBufferPointer { (buffer) throws(SheetError) in
                try take(UnsafeBufferPointer(rebasing: buffer[..<Int(read)]))
            }
        }
    }
}
