import Foundation
import Gateway
import OrderedJSON
import Testing

@testable import Egress

struct `Secrets in an answer` {
    private static let secret = "MTc0Mzc5/mZiMjc5ZjlhYTli+GJjZjE1OGU5N2Rk/zFhNDY3Y2QyZTBjODkz=="
    private static let escaped = secret.replacing("/", with: #"\/"#)
    private static let encoded = secret.replacing("/", with: "%2F").replacing("+", with: "%2b")
        .replacing("=", with: "%3D")

    private static func strike(_ text: String, _ secrets: [String] = [secret]) -> String {
        String(decoding: SecretStrikeout(secrets).strike(Array(text.utf8)), as: UTF8.self)
    }

    private static let units: [String] = secret.utf8.map { "\\u00" + String($0, radix: 16, uppercase: $0 % 2 == 0) }

    private static let forms: [String] = [
        secret, escaped, encoded, escaped.replacing("\\", with: #"\\"#), encoded.replacing("%", with: "%25"),
        encoded.replacing("%", with: #"\u0025"#), units.joined(), String(secret.prefix(16)), String(secret.suffix(16)),
        String(secret.dropFirst(3).prefix(19)), String(escaped.dropFirst(5).prefix(30)), units[7..<23].joined(),
    ]

    @Test(arguments: forms)
    func `are struck out whole and in pieces, however they are written`(written: String) throws {
        #expect(Self.strike(#"{"a":"bad \#(written) !","b":1}"#) == #"{"a":"bad [secret] !","b":1}"#)
        #expect(Self.strike(#"["\#(written)","\#(written)"]"#) == #"["[secret]","[secret]"]"#)
        #expect(Self.strike("<p>\(written)") == "<p>[secret]")
    }

    @Test func `are struck out where a text breaks them into pieces`() {
        let pieces = [Self.secret.prefix(20), Self.secret.dropFirst(20).prefix(20), Self.secret.dropFirst(40)]

        #expect(
            Self.strike(#"{"a":"\#(pieces.joined(separator: #"\n"#))"}"#) == #"{"a":"[secret]\n[secret]\n[secret]"}"#
        )
        #expect(Self.strike(pieces.joined(separator: "\r\n ")) == "[secret]\r\n [secret]\r\n [secret]")
    }

    @Test func `are each struck out beside another, and a short one only whole`() {
        let secrets = [Self.secret, "token-12", "x"]

        #expect(Self.strike("Bearer token-12\(Self.secret)token-1 x", secrets) == "Bearer [secret][secret]token-1 x")
    }

    @Test func `leave an answer as it is that has less of them`() {
        for piece in [Self.secret.prefix(15), Self.secret.dropFirst(9).prefix(15), Self.secret.suffix(15)] {
            let text = #"{"a":"\/ 100% \u00e4 \#(piece)!"}"#
            #expect(Self.strike(text) == text)
        }
        for text in ["", "{}", "%", "\\", "%2", #"\u00"#, #"\"#, #"{"a":"%zz\\"}"#] {
            #expect(Self.strike(text) == text)
        }
    }

    @Test func `leave nothing of an answer that would no longer be JSON`() {
        #expect(Self.strike(#"{"a":12345678901234567}"#, ["1234567890123456"]) == #""[secret]""#)
        #expect(Self.strike(#"{"a":"12345678901234567"}"#, ["1234567890123456"]) == #"{"a":"[secret]7"}"#)
    }

    @Test func `are found at each place, of each length, in each mixture of forms`() throws {
        var random = SeededGenerator(seed: 20_261_126)
        let secret = Array(Self.secret.utf8)
        for _ in 0..<400 {
            let length = Int.random(in: 16...secret.count, using: &random)
            let start = Int.random(in: 0...secret.count - length, using: &random)
            let written = secret[start..<start + length]
                .map { byte -> String in
                    let digits = String(byte, radix: 16)
                    return switch Int.random(in: 0..<4, using: &random) {
                    case 0: "%" + digits
                    case 1: "\\u00" + digits
                    case 2 where byte == UInt8(ascii: "/"): "\\/"
                    default: String(UnicodeScalar(byte))
                    }
                }
                .joined()
            let before = String(repeating: " .", count: Int.random(in: 0..<9, using: &random))

            #expect(Self.strike(#"{"a":"\#(before)\#(written) "}"#) == #"{"a":"\#(before)[secret] "}"#)
        }
    }

    @Test func `of an answer that came compressed are found as well`() throws {
        // `{"a":"bad SECRET16SECRET16"}`, by gzip.
        let body = Array(try #require(Data(base64Encoded: "H4sIAAAAAAACA6tWSlSyUkpKTFEIdnUOcg0xNIPRSrUA2C1OgxwAAAA=")))

        let outcome = HTTPOutcome.answered(status: 500, body: body)

        #expect(
            outcome.struck(of: ["SECRET16SECRET16"])
                == .answered(status: 500, body: Array(#"{"a":"bad [secret]"}"#.utf8))
        )
        #expect(outcome.struck(of: ["another secret of others"]) == outcome)
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
