import Egress
import Gateway
import Synchronization
import Testing

@testable import App

struct `A message that goes through the bridge` {
    @Test func `is answered for as long as anything comes, however much that is`() throws {
        let address = GatewayAddress(url: "https://gw.example/mcp", credential: Secret("k"), found: "a test")
        let heard = Mutex(0)
        let request = MCPCommand.request([(name: "Accept", value: "x")], [1, 2], to: address, 10) { piece in
            heard.withLock { $0 += piece.count }
        }

        // A question to a person may be answered for ten minutes, on a page in silence; whoever listens does so for days.
        #expect(request.waitsForPieces && request.timeout > .seconds(600))
        for _ in 0..<3 { #expect(try request.onPiece?([UInt8](repeating: 0, count: 9), 200) == true) }
        #expect(heard.withLock { $0 } == 27, "one message is bounded by who reads it, and not the sum of them")
        #expect(request.body == [1, 2] && request.headers.contains { $0 == ("Authorization", "Bearer k") })
    }
}
