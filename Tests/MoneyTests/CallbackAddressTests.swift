import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `The address that M-Pesa is told` {
    private static var bounds: Assembly.Settings { Assembly.Settings(publicURL: "https://host.example/") }

    @Test func `is the organization's own two seconds after it was set, and what is open keeps its path`() async throws
    {
        try await House.with(bounds: Self.bounds) { (house) async throws in
            let open = try #require(await house.call("fake_collect", ["phone": "254711000001", "amount": 100]).record)
            // As another process changes it.
            _ = try await house.store.change(house.organization) {
                $0.callbackBaseURL = BaseURL("https://pay.shop.example/gateway")
            }
            house.clock.advance(.seconds(2))

            _ = await house.call("fake_collect", ["phone": "254711000002", "amount": 100])
            let urls = house.upstream.sent.map { $0.body["url"]?.stringValue ?? "" }
            try await house.callback(open, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])

            #expect(urls.count == 2)
            #expect(urls[0].hasPrefix("https://host.example/cb/\(house.organization)/"))
            #expect(urls[1].hasPrefix("https://pay.shop.example/gateway/cb/\(house.organization)/"))
            #expect(try await house.record(open).state == .succeeded)
        }
    }
}
