import Cryptography
import Gateway
import Testing

@testable import Ingress

/// What M-Pesa calls, however what stands in between has written it.
struct `A callback's address` {
    private static let record = RecordID(Identifier(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210))
    private static let organization = OrganizationID(
        Identifier(high: 0xABCD_EF01_2345_6789, low: 0xABCD_EF01_2345_6789)
    )

    @Test(
        arguments: [
            { $0 }, { $0 + "/" }, { $0 + "//" }, { "/" + $0 }, { "//" + $0 + "/" },
            { $0.replacing("/cb/", with: "/cb//") }, { $0.uppercased() }, { $0.replacing("/cb/", with: "/CB/") },
            { $0.replacing("a", with: "%61") }, { $0.replacing("-", with: "%2D") },
            { $0.replacing("/cb/", with: "/%63b/") }, { $0.replacing("/cb/", with: "/C%42/") },
        ] as [@Sendable (String) -> String]
    )
    func `is the same in every way of writing it`(write: @Sendable (String) -> String) throws {
        let addresses = CallbackAddresses(publicURL: "", key: Secret([UInt8](repeating: 7, count: 32)))
        let target = CallbackAddresses.Target(
            organization: Self.organization,
            environment: .test,
            record: Self.record,
            name: "result"
        )

        let path = write(addresses.address(for: target))
        let segments = try #require(CallbackPath.segments(of: path[...]))

        #expect(segments.count == 3 && segments[0] == "cb", "\(path)")
        #expect(addresses.target(organization: segments[1], token: segments[2]) == target, "\(path)")
    }

    @Test(arguments: [
        "/cba/x", "/c", "/cb", "", "/", "//", "/tools/cb/x", "cb/x/y", "/mpesa", "/cb%2Fx/y", "/%2fcb/x/y", "/%6/b/x",
        "/%63",
    ])
    func `is no other path`(path: String) { #expect(CallbackPath.segments(of: path[...]) == nil) }

    @Test func `is no longer one when a part is added or changed`() throws {
        let segments = try #require(CallbackPath.segments(of: "/mpesa//Callback/ABC/"))
        #expect(segments == ["mpesa", "callback", "abc"])
        #expect(CallbackPath.segments(of: "/cb/a/b/c")?.count == 4)
        #expect(CallbackPath.segments(of: "/cb/a%2Fb")?.count == 2)
    }
}
