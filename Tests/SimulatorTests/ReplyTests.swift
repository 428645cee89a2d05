import OrderedJSON
import Testing

@testable import Simulator

@Suite struct `A capability that the simulator does not know` {
    private let path = "/mpesa/qrcode/v1/generate"
    private let recorded: JSON = [
        "/mpesa/qrcode/v1/generate": [
            ["status": 500, "body": ["errorCode": "500.003.02"]], ["body": ["ResponseCode": "00"]],
        ],
        "/page": [["status": 403, "body": "<html>"]],
    ]

    @Test func `is answered by recorded replies in their order, the last again and again`() async throws {
        let replies = try RecordedReplies(parsing: recorded.bytes)
        let desk = try await Desk { $0.replies = replies }

        #expect(await desk.ask("POST", path).status == 500)
        for _ in 0..<2 {
            let answer = await desk.ask("POST", path)
            #expect(answer.status == 200 && answer.body["ResponseCode"] == "00")
        }
        #expect(await desk.ask("POST", "/page").status == 403)
        #expect(await desk.ask("POST", "/other").status == 404)
    }

    @Test func `wants a good token all the same`() async throws {
        let desk = try await Desk()
        #expect(
            await desk.ask("POST", "/simulator/replies", ["path": .string(path), "replies": [["body": [:]]]]).status
                == 200
        )

        let request = SimulatorRequest(method: "POST", path: path, query: [:], authorization: "Bearer x", body: [])
        guard case .answer(let status, _) = await desk.simulator.handle(request) else {
            Issue.record("no answer")
            return
        }

        #expect(status == 404)
        #expect(await desk.ask("POST", path).status == 200)
        #expect(await desk.ask("POST", "/simulator/replies", ["path": .string(path), "replies": []]).status == 200)
        #expect(await desk.ask("POST", path).status == 404)
    }

    @Test(
        arguments: [
            ["path": "x", "replies": []], ["path": "/x"], ["path": "/x", "replies": [["status": 99, "body": 1]]],
            ["path": "/x", "replies": [["status": 200]]], ["path": "/simulator/x", "replies": []],
        ] as [JSON]
    )
    func `is told what is wrong with a reply`(body: JSON) async throws {
        let answer = try await Desk().ask("POST", "/simulator/replies", body)

        #expect(answer.status == 400 && answer.body["error"]?.stringValue?.contains("expected") == true)
    }
}
