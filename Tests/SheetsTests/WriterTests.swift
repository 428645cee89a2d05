import Foundation
import Testing

@testable import Sheets

struct `A file that is written` {
    private static let dangerous = [
        "=1+1", "+254712345678", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u{A0}=1", "\u{FF1D}1", "\u{2212}1",
    ]

    @Test func `holds no text that a spreadsheet takes for a formula`() throws {
        for text in Self.dangerous {
            let written = SheetText.safe(text)
            #expect(written.hasPrefix("'") && !written.contains { $0.isNewline || $0 == "\t" })
        }
        for text in ["", "a=b", "1-2", "'quoted'", "O'Brien", "0712345678"] { #expect(SheetText.safe(text) == text) }
        #expect(
            String(decoding: SheetText.line(["a,b", "c\"d", "=x", "e;f", "g"]), as: UTF8.self)
                == "\"a,b\",\"c\"\"d\",'=x,\"e;f\",g\r\n"
        )
    }

    @Test(arguments: [
        ("=1+1", "'=1+1"), ("-5", "'-5"), ("  =x", "'  =x"), ("\t=x", "' =x"), ("a,b", "\"a,b\""),
        ("say \"x\"", "\"say \"\"x\"\"\""), ("two\r\nlines", "two  lines"), ("", ""), ("plain", "plain"),
    ])
    func `as CSV holds each text in one line`(_ text: String, _ cell: String) {
        #expect(String(decoding: SheetText.line([text]), as: UTF8.self) == cell + "\r\n")
    }

    @Test func `as CSV has numbers that may begin with a minus`() {
        #expect(String(decoding: SheetText.line([.number(-5), .empty, .text("-5")]), as: UTF8.self) == "-5,,'-5\r\n")
    }

    @Test func `as CSV is read as it was written`() throws {
        let lines = [["row", "text"], ["1", "a,\"b\";c"], ["2", "ü €"]]

        #expect(try texts(lines.flatMap { SheetText.line($0) }) == lines)
    }

    @Test func `as XLSX is read as it was written, and its numbers are numbers`() throws {
        let writer = try XLSXWriter.begin(name: "Payments", header: ["phone", "amount", "big", "note"])
        for number in 1...2_000 {
            try writer.append([.text("0712345678"), .number(Int64(number)), .number(.max), .text("=\(number)")])
        }
        try writer.append([.empty, .empty, .empty, .text(String(repeating: "ü", count: 40_000))])
        let handle = try writer.finish()
        let bytes = [UInt8](try #require(try handle.readToEnd()))
        var limits = SheetLimits()
        limits.cellBytesMax = 1 << 20
        let found = try rows(bytes, sheet: "payments", limits: limits)

        #expect(found.count == 2_002)
        #expect(found[0].cells.map(\.text) == ["phone", "amount", "big", "note"])
        #expect(found[2_000].cells.map(\.text) == ["0712345678", "2000", "9223372036854775807", "'=2000"])
        #expect(found[2_000].cells.map(\.kind) == [.text, .number, .text, .text])
        #expect((16_000...64_000).contains(found[2_001][3].text.utf8.count))
    }

    @Test func `has shares as numbers, in CSV as they are written`() throws {
        let cells: [WrittenCell] = [.fraction("0.9583"), .fraction("-1.5e-3"), .fraction("no number")]
        let writer = try XLSXWriter.begin(name: "Report", header: ["a", "b", "c"])
        try writer.append(cells)
        let found = try rows(
            [UInt8](try #require(try writer.finish().readToEnd())),
            sheet: "report",
            limits: SheetLimits()
        )

        #expect(found[1].cells.map(\.kind) == [.number, .number, .text] && found[1].cells[0].text == "0.9583")
        #expect(String(decoding: SheetText.line(Array(cells.prefix(2))), as: UTF8.self) == "0.9583,-1.5e-3\r\n")
    }

    @Test func `as XLSX goes on in another sheet, and leaves nothing behind`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "sheets-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var writer: XLSXWriter? = try XLSXWriter.begin(name: "All", header: ["n"], folder: folder.path, rowsMax: 3)
        for number in 1...7 { try writer?.append([.number(Int64(number))]) }
        // Whoever is killed here leaves nothing behind either.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        let bytes = [UInt8](try #require(try writer?.finish().readToEnd()))
        writer = nil
        _ = try XLSXWriter.begin(name: "None", header: ["n"], folder: folder.path)

        #expect(try texts(bytes, sheet: "All") == [["n"], ["1"], ["2"], ["3"]])
        #expect(try texts(bytes, sheet: "All 3") == [["n"], ["7"]])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func `is made on a thread of its own, for which so many may wait`() async throws {
        let thread = SheetThread()
        let full = SheetThread(waitingMax: 0)

        let first = try await thread.run { UInt(pthread_self()) }
        #expect(try await thread.run { UInt(pthread_self()) } == first)
        await #expect(throws: SheetError(.tooLarge, "long")) {
            try await thread.run { () throws(SheetError) -> Int in throw SheetError(.tooLarge, "long") }
        }
        let error = await #expect(throws: SheetError.self) { try await full.run { 1 } }
        #expect(error?.kind == .unavailable)
    }
    @Test func `has room for others while one waits with as much as they may`() async throws {
        let thread = SheetThread(waitingMax: 8)
        let (isHeld, mayGo) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        async let first: Int = thread.run {
            isHeld.signal()
            mayGo.wait()
            return 1
        }
        await withCheckedContinuation { continuation in
            DispatchQueue.global()
                .async {
                    isHeld.wait()
                    continuation.resume()
                }
        }
        // Two may wait of eight, whoever comes first; the others are told to come again.
        let found = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<6 { group.addTask { (try? await thread.run(for: "a") { true }) ?? false } }
            var refused = 0
            for _ in 0..<4 where await group.next() == false { refused += 1 }
            group.addTask { (try? await thread.run(for: "b") { true }) ?? false }
            mayGo.signal()
            var done = 0
            for await isDone in group where isDone { done += 1 }
            return (refused, done)
        }

        #expect(found == (4, 3))
        #expect(try await first == 1)
    }
}
