import Testing

@testable import Egress

struct `An access token` {
    @Test(arguments: [
        ("3599", 3599), (#""3599""#, 3599), (#"" 3599 ""#, 3599), (#""3599.0""#, 3599), ("3599.5", 3599),
        ("86400", 86_400), ("60", 60), (#""61""#, 61),
    ])
    func `lives as long as M-Pesa says, however that is written`(field: String, seconds: Int) throws {
        #expect(try Self.life(of: #","expires_in":\#(field)"#) == .seconds(seconds))
    }

    @Test(arguments: [
        "0", "-1", "1", "59", "86401", "1000000000000", "1e30", "null", "true", "{}", #""0""#, #""""#, #""-3599""#,
        #""3599 seconds""#, #""99999999999999999999999999999999""#, #""٣٥٩٩""#, "999999999999999999999999999999",
    ])
    func `of an odd life is used for a short one`(field: String) throws {
        #expect(try Self.life(of: #","expires_in":\#(field)"#) == .seconds(60))
    }

    @Test func `that does not tell its life is used for a short one`() throws {
        #expect(try Self.life(of: "") == .seconds(60))
    }

    private static func life(of field: String) throws -> Duration {
        let body = Array(#"{"access_token":"c9SQxWWhmdVRlyh0zh8gZDTkubVF"\#(field)}"#.utf8)
        let answer = try TokenAnswer.read(.answered(status: 200, body: body), settings: EgressSettings()).get()
        #expect(answer.text == "c9SQxWWhmdVRlyh0zh8gZDTkubVF")
        return answer.life
    }
}
