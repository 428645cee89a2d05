import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `What M-Pesa was seen to send` {
    private func course(_ examples: JSON) throws -> (status: Int, reply: JSON, callbacks: [(JSONPointer, JSON)])? {
        let plugin = try FakePlugin.make(collect: ["x-examples": examples])
        let kind = try #require(plugin.operations.first { $0.name == "collect" })
        return kind.recordedCourse.map { ($0.status, $0.reply, $0.callbacks.map { ($0.pointer, $0.body) }) }
    }

    private let taken: JSON = [
        "title": "Taken", "source": ["type": "reply", "status": 201], "body": ["ResponseCode": "0"],
        "evidence": ["verdict": "accepted"],
    ]
    private let page: JSON = [
        "title": "A page", "source": ["type": "reply", "status": 502], "body": "<html>",
        "evidence": ["verdict": "unknown"],
    ]

    private func posted(_ name: JSON, _ code: Int64, _ verdict: JSON) -> JSON {
        [
            "title": "Posted", "source": ["type": "callback", "name": name], "body": ["ResultCode": .integer(code)],
            "evidence": ["verdict": verdict],
        ]
    }

    @Test func `is a course where the request was taken, and done`() throws {
        let found = try #require(
            try course([page, posted("result", 1, "failed"), posted("result", 0, "succeeded"), taken])
        )

        #expect(found.status == 201 && found.reply["ResponseCode"] == "0")
        #expect(found.callbacks.count == 1 && found.callbacks.first?.1["ResultCode"] == 0)
        #expect(found.callbacks.first?.0.description == "/url")
        #expect(try #require(try course([taken, posted("result", 1, "failed")])).callbacks.isEmpty)
    }

    @Test func `is none where no request was taken, or nothing is of the form`() throws {
        let wrong: [JSON] = [
            [], [page], [posted("result", 0, "succeeded")], "x", [["source": ["type": "reply"]]],
            [["source": ["type": "reply", "status": 99], "body": [:], "evidence": ["verdict": "accepted"]]],
            [["source": ["type": "mail"], "body": [:], "evidence": ["verdict": "accepted"]]],
        ]
        for examples in wrong { #expect(try course(examples) == nil, "\(examples)") }
    }
}
