import Cryptography
import Gateway
import OrderedJSON
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(15)))
struct `A callback that an organization takes along` {
    private func callback(_ body: [UInt8], status: Int? = nil, of owner: OrganizationID = ours) -> ReceivedCallback {
        ReceivedCallback(
            id: CallbackID(newID()),
            organization: owner,
            environment: .test,
            record: RecordID(newID()),
            name: status == nil ? "result" : ReceivedCallback.answerName(toSending: 1),
            receivedAt: moment,
            body: body,
            address: "192.0.2.1",
            attempts: 0,
            status: status
        )
    }

    /// All of them, page by page, and how long each page was.
    private func taken(from store: Store, _ owner: OrganizationID = ours) async throws -> (rows: [JSON], pages: [Int]) {
        var (rows, pages, place) = ([JSON](), [Int](), [String]?.none)
        repeat {
            let page = try await store.owned("callbacks", of: owner, after: place, until: moment, limit: 200)
            rows += try page.rows.map { try JSON(parsing: $0) }
            pages.append(page.rows.count)
            place = page.next
        } while place != nil
        return (rows, pages)
    }

    private func texts(_ member: String, of rows: [JSON]) -> [String] {
        rows.compactMap { $0[member]?.stringValue }
    }

    @Test func `has what M-Pesa sent, byte by byte, and nobody else's`() async throws {
        try await withStore { store in
            let said = "{ \"Body\" : {\"PhoneNumber\": 254711000001, \"Name\": \"W\u{e9}\u{0}\\n\"}}\r\n"
            let broken: [UInt8] = [0x7B, 0xFF, 0xFE, 0x00]
            for body in [Array(said.utf8), broken, []] { try await store.receive(callback(body)) }
            try await store.receive(callback(Array("busy".utf8), status: 503))
            try await store.receive(callback(Array("theirs".utf8), of: theirs))

            let rows = try await taken(from: store).rows

            #expect(Set(texts("body", of: rows)) == [said, "", "busy"])
            #expect(texts("body_base64", of: rows) == [Base64.encode(broken)])
            #expect(rows.first { $0["body"] == "busy" }?["status"] == 503)
            #expect(try await taken(from: store, theirs).rows.map { $0["body"] } == ["theirs"])
        }
    }

    @Test func `is read with few others, however large they are`() async throws {
        try await withStore { store in
            for number in 0..<40 { try await store.receive(callback(Array("\(number)".utf8))) }

            let (rows, pages) = try await taken(from: store)

            #expect(pages == [16, 16, 8])
            #expect(Set(texts("body", of: rows)) == Set((0..<40).map { "\($0)" }))
        }
    }
}
