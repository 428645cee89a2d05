/// What bounds the reading of a file of rows, whoever made it.
package struct SheetLimits: Sendable {
    /// The longest file.
    ///
    /// Default 16 MiB.
    package var bytesMax = 16 << 20
    /// How many rows may hold something.
    ///
    /// Default 10,100: ten thousand payments, and what stands above and below them.
    package var rowsMax = 10_100
    /// The last column that may hold something.
    ///
    /// Default 256.
    package var columnsMax = 256
    /// The longest text of a cell, in bytes.
    ///
    /// Default 4,096.
    package var cellBytesMax = 4_096
    /// How many parts an XLSX may be packed of.
    ///
    /// Default 1,000.
    package var partsMax = 1_000
    /// How long the parts of an XLSX that are read may be, unpacked and together.
    ///
    /// Default 128 MiB; no more than a piece of it is in memory.
    package var unpackedBytesMax = 128 << 20
    /// How many times as long as it is packed a part may be.
    ///
    /// Default 100: rows are five to thirty times as long, a bomb up to a thousand.
    package var ratioMax = 100
    /// So many bytes of a part are unpacked whatever the ratio.
    ///
    /// Default 4 MiB.
    package var ratioFreeBytes = 4 << 20
    /// How many texts an XLSX may keep apart from its cells.
    ///
    /// Default 200,000.
    package var sharedTextsMax = 200_000
    /// How long these texts may be together.
    ///
    /// Default 16 MiB, which are in memory while the file is read.
    package var sharedBytesMax = 16 << 20
    /// How deep the elements of XML may stand in each other.
    ///
    /// Default 32.
    package var xmlDepthMax = 32
    /// The longest tag, comment or other piece of XML.
    ///
    /// Default 256 KiB.
    package var xmlPieceBytesMax = 256 << 10
    /// How much memory the parser of XML may take: it keeps every name of a part that it has met.
    ///
    /// Default 16 MiB.
    package var xmlBytesMax = 16 << 20
    /// How many formats of cells an XLSX may have.
    ///
    /// Default 65,536.
    package var formatsMax = 65_536

    /// How many columns of a row are kept that are no member's.
    ///
    /// Default 20.
    package var othersMax = 20
    /// How much of what stands in them is kept, in characters; the rest is cut off.
    ///
    /// Default 200.
    package var otherCharactersMax = 200
    /// How long all that is kept of a file may be together, as items.
    ///
    /// Default 32 MiB, which are in memory until they are judged.
    package var keptBytesMax = 32 << 20
    /// How long a file may take to be read.
    ///
    /// Default 30 s; the largest takes a few.
    package var timeMax: Duration = .seconds(30)

    /// The defaults.
    package init() {}
}

/// Until when a file may be read.
struct SheetDeadline: Sendable {
    private let end: ContinuousClock.Instant
    private let timeMax: Duration

    init(_ limits: SheetLimits) {
        timeMax = limits.timeMax
        end = .now + limits.timeMax
    }

    func check() throws(SheetError) {
        guard ContinuousClock.now < end else {
            throw SheetError(.tooLarge, "the file takes longer than \(timeMax) to read. Send it in parts.")
        }
    }
}

/// Why a file of rows is not read, for whoever sent it.
package struct SheetError: Error, Sendable, Equatable {
    /// What kind of fault it is.
    package enum Kind: Sendable {
        /// It is longer, wider or deeper than any may be.
        case tooLarge
        /// It is not what it should be.
        case unreadable
        /// Nothing is wrong with it: it cannot be read or written now.
        case unavailable
    }

    /// What kind of fault it is.
    package let kind: Kind
    /// The row at which the reading ended, as a spreadsheet counts them.
    package let row: Int?
    /// What is wrong, and what to do.
    package let message: String

    /// States it.
    package init(_ kind: Kind, _ message: String, row: Int? = nil) {
        self.kind = kind
        self.row = row
        self.message = row.map { "row \($0): \(message)" } ?? message
    }
}
