import Gateway
import OrderedJSON
import Testing

@testable import App

struct `What is brought to a program of one's own` {
    @Test func `is signed with the secret that is said, or a new one`() throws {
        #expect(try ListenCommand.secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").given.hasSuffix("LaLaSw"))
        #expect(try ListenCommand.secret(nil).given != ListenCommand.secret(nil).given)
    }

    @Test(arguments: ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%%"])
    func `is signed with no secret of another form`(text: String) {
        #expect(throws: GatewayError.self) { try ListenCommand.secret(text) }
    }

    @Test(arguments: [
        "https://example.com/hooks", "http://10.0.0.1/", "ftp://127.0.0.1/", "http://127.0.0.1@example.com/",
        "http://user@127.0.0.1/", "127.0.0.1:3000", "http://localhost.example.com/", "",
    ])
    func `leaves this machine for nobody`(place: String) throws {
        #expect(throws: GatewayError.self) { try ListenCommand.receiver(place) }
        #expect(try ListenCommand.receiver("http://127.0.0.1:3000/hooks?a=b") == "http://127.0.0.1:3000/hooks?a=b")
    }

    @Test func `is never made to happen with a live key`() throws {
        let organization = String(repeating: "0", count: 26)
        let key = { (environment: String) in
            "mpk_\(environment)_\(organization)_\(organization)_" + String(repeating: "0", count: 32)
        }
        #expect(throws: GatewayError.self) { try TriggerCommand.check(credential: key("live")) }
        try TriggerCommand.check(credential: key("test"))
    }

    @Test func `is made to happen in one way by type, or refused with a list of all`() throws {
        #expect(try EventWay(to: "transaction.reversed") == .reversal)
        #expect(try EventWay(to: "approval.decided") == .held(isTakenBack: true))
        for type in ["transaction.needs_person", "transaction.nonsense", ""] {
            let error = #expect(throws: GatewayError.self) { try EventWay(to: type) }
            let some = "batch.paused, batch.released, batch.requested, task.succeeded, transaction."
            #expect(error?.message.contains(some) == true)
        }
    }
}

struct `An event that is sent once more` {
    private func endpoint(_ id: String, isOn: Bool) -> JSON { ["id": .string(id), "is_on": .bool(isOn)] }

    @Test func `goes to the only endpoint that is on`() throws {
        #expect(try EventsResend.only(of: [endpoint("1", isOn: false), endpoint("2", isOn: true)]) == "2")
    }

    @Test func `goes to none of several that nobody chose`() {
        let several = [endpoint("1", isOn: true), endpoint("2", isOn: true)]
        let error = #expect(throws: GatewayError.self) { try EventsResend.only(of: several) }
        #expect(error?.message == "--to: expected one of 1, 2.")
        #expect(throws: GatewayError.self) { try EventsResend.only(of: [endpoint("1", isOn: false)]) }
    }
}

struct `A feed that is followed` {
    private static let stream = """
        :\u{20}
        id: A

        id: B
        data: {"id":"1"}

        id: C
        event: dropped
        data: {"reason":"slow"}


        """

    @Test func `is read however it is cut, and its cursor is kept`() throws {
        let bytes = Array(Self.stream.utf8)
        for size in [1, 2, 7, bytes.count] {
            var (reader, told): (FeedLines, [FeedLines.Told]) = (FeedLines(), [])
            for start in stride(from: 0, to: bytes.count, by: size) {
                told += try reader.take(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(told.map(\.name) == [nil, "dropped"] && reader.cursor == "C")
            #expect(told.first?.data == ["id": "1"] && told.first?.bytes == Array(#"{"id":"1"}"#.utf8))
        }
    }

    @Test func `goes on before an event of which only the id has come`() throws {
        var reader = FeedLines()
        _ = try reader.take(Array("id: A\ndata: {}\n\n:\nid: B\n\nid: C\n".utf8))
        // B was a sign of life, whole; what C is behind has not been heard.
        #expect(reader.cursor == "B")

        _ = try reader.take(Array("data: {}\n".utf8))
        #expect(reader.cursor == "C")
    }

    @Test(arguments: [#"{"success":true,"data":[]}"# + "\n", "<html>\n", "data: nonsense\n"])
    func `is nothing else that answers`(text: String) {
        var reader = FeedLines()
        #expect(throws: GatewayError.self) { try reader.take(Array(text.utf8)) }
    }
}
