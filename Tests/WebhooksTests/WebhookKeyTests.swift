import Cryptography
import Gateway
import Testing

@testable import Webhooks

struct `A secret of a receiver` {
    @Test func `signs as Standard Webhooks shows it`() throws {
        // The example of its specification.
        let key = try #require(WebhookKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))

        let signature = try key.signature(
            of: Array(#"{"test": 2432232314}"#.utf8),
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at: 1_614_265_330
        )

        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        #expect(key.given == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" && key.publicText == nil)
    }

    @Test func `signs by Ed25519 as RFC 8032 shows it`() throws {
        // Its first example: the seed, the public half and a signature over nothing else than what we put before it.
        let seed = try #require(
            Hexadecimal.decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        )
        let key = try #require(WebhookKey(.asymmetric, bytes: seed))
        let half = try #require(
            Hexadecimal.decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        )

        #expect(key.publicText == "whpk_" + Base64.encode(half) && key.given == key.publicText)
        let signature = try key.signature(of: [1, 2], id: "a", at: 3)
        #expect(signature.hasPrefix("v1a,"))
        let pem = try #require(SigningKey(seed: seed)).publicPEM
        let bytes = try #require(Base64.decode(signature.dropFirst("v1a,".count)))
        let verifying = try #require(VerifyingKey.all(pem: pem)?.first)
        #expect(verifying.isValid(bytes, over: Array("a.3.".utf8) + [1, 2]))
        #expect(!verifying.isValid(bytes, over: Array("a.4.".utf8) + [1, 2]))
    }

    @Test(arguments: ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%%", "whsk_AAAA"])
    func `has one form`(text: String) { #expect(WebhookKey(text) == nil) }

    @Test func `has so many bytes`() {
        for (count, isGood) in [(23, false), (24, true), (64, true), (65, false)] {
            #expect((WebhookKey(.symmetric, bytes: [UInt8](repeating: 1, count: count)) != nil) == isGood)
        }
        #expect(WebhookKey(.asymmetric, bytes: [UInt8](repeating: 1, count: 31)) == nil)
    }

    @Test func `is named without what may be secret in an address`() {
        let masked = [
            "https://example.com": "https://example.com", "https://example.com/": "https://example.com",
            "https://example.com/a?b=c": "https://example.com/…", "http://10.0.0.1:8080?x": "http://10.0.0.1:8080/…",
            "nonsense": "",
        ]
        for (url, expected) in masked { #expect(WebhookAddress.masked(url) == expected) }
    }
}
