import Cryptography
import Gateway
import OrderedJSON
import Testing

@testable import Sessions

/// Keys and signatures as another program has made them (PyJWT).
private struct Signed {
    let algorithm: SigningAlgorithm
    let key: JSON
    let signed: [UInt8]
    let signature: [UInt8]

    private init(_ algorithm: SigningAlgorithm, _ key: JSON, _ token: String) throws {
        self.algorithm = algorithm
        self.key = key
        let parts = token.split(separator: ".")
        signed = Array((parts[0] + "." + parts[1]).utf8)
        signature = try #require(Base64.decodeURL(parts[2]))
    }

    static func rs256() throws -> Signed {
        try Signed(
            .rs256,
            [
                "kty": "RSA",
                "n": .string(
                    """
                    u2WHvFKUTAZDPQdJh5ZU9LOFbWI2b06gQit4rF16vw88yqRBDXDBy81nXq5U6-JY-GA8Zyi6cvB3SDTpbPz0kTCPjNgiqjvY\
                    6TKzVz0CkzABYH2XIsCtx0EALq_wyiP7yTGkVAeYa3GGsK76z_DA6V-sHRAGryW2riSx-lRwakqXeE7USgkM6S7417CkzW5u\
                    KLrcpnbJNyiYYB2eL0-aeXDKF0WjmnKWgU5pJp7Hd6hpdftz2YzYebegdNl35V33s0-5FRpmPzAtbWfM3hhDHcboXZ_XILtM\
                    5p-Ii1VVEUYWa3uhp2QVUgWOudP8e_s0uYFn0UkLsuswTPEeBAhYXQ
                    """
                ),
                "e": "AQAB",
            ],
            """
            eyJhbGciOiJSUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJ4Iiwic3ViIjoieSJ9.ITM5K1XCEL5zQGeq\
            7bFaubFn8lysyDAi4dmz9zAb3msL3i_L1cjUv9K1Ped1vAHzDbh3XVoN9hpgLDzTZNlKjtElZsFFhNxBAdVJHsZYOJqG1QPF\
            Wu0HomCvUqnBYB0X82XSvxGEAOssZeeuB1cSL-R6RMEfqUR2VqFCG0k6pyuZzO36GBAPDPOrhQF5mEaWPBeLNqwRE8N6lwm_\
            MwzDxIWST2g_WTk1oR2s7ZH0xlBAOupFEG7ND5l6-zAK1ye5igoNyUaRg-sKompJN__FZtQkKBDK69nfIPD7EJAfCLAI8_-I\
            179Yzy6rpe-6OcMHgbuR-zM7NSLzcDXS6y91PA
            """
        )
    }

    static func ps256() throws -> Signed {
        try Signed(
            .ps256,
            [
                "kty": "RSA",
                "n": .string(
                    """
                    u2WHvFKUTAZDPQdJh5ZU9LOFbWI2b06gQit4rF16vw88yqRBDXDBy81nXq5U6-JY-GA8Zyi6cvB3SDTpbPz0kTCPjNgiqjvY\
                    6TKzVz0CkzABYH2XIsCtx0EALq_wyiP7yTGkVAeYa3GGsK76z_DA6V-sHRAGryW2riSx-lRwakqXeE7USgkM6S7417CkzW5u\
                    KLrcpnbJNyiYYB2eL0-aeXDKF0WjmnKWgU5pJp7Hd6hpdftz2YzYebegdNl35V33s0-5FRpmPzAtbWfM3hhDHcboXZ_XILtM\
                    5p-Ii1VVEUYWa3uhp2QVUgWOudP8e_s0uYFn0UkLsuswTPEeBAhYXQ
                    """
                ),
                "e": "AQAB",
            ],
            """
            eyJhbGciOiJQUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJ4Iiwic3ViIjoieSJ9.UpbnREr0kkA-izJW\
            NOGiWJCeKIriSKDfX4rPs033Q56zDty1M4RN_xvYWlEhvos3_l_MACx-TLFojJTa5ZrfGzy1QvHmO6GTl3XT4ySBA_4HfwdV\
            _PF_5v5uedoqFRL3bW9PftHWT1spmhhXiVvZNzF3mMEIQ8r-UKAO74cqpi6qXLccHoHsV2nuHTGF7tfT1cWgyXm1frN2eiuF\
            yDBTpbypTgCNgVksqY3MBB5B0PVZ2G4fdDWslvShBJS_-d4g5iXJuftUOLQLWQkhgmclW454ldEOOKFpbUSBN2u29ccaPeZl\
            nbzU6R9A2R9SuYdoKcujwVhu7nwdpl_JC0NekA
            """
        )
    }

    static func es256() throws -> Signed {
        try Signed(
            .es256,
            [
                "kty": "EC",
                "crv": "P-256",
                "x": "4gHRdky3zOubgceXdJrtRFxVyuqTO25ZB4ZzcyD7nco",
                "y": "BacHJgv1bVM5sXVwt-TBwS1-ltWVF41IhD68ArI8HvE",
            ],
            """
            eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJ4Iiwic3ViIjoieSJ9.IWkgi-XS_DIQzfS3\
            9b8mNGkZzpOr6fIEpzOdPuTNwo8Ickf5B4kyPhwVI4VpFKEBTY2pL4bPD2bBbTm-r-ZYYw
            """
        )
    }

    static func es384() throws -> Signed {
        try Signed(
            .es384,
            [
                "kty": "EC",
                "crv": "P-384",
                "x": "3lcSZs1uDj5eNHm-jY-jsf6bj-kpajuPmj5pWAMFUBe90hgU4IRqbltehfJx0_UI",
                "y": "KRMQ_hrfm9EX3KVaXSmG2SX7m60-T3JGNZ_osy5fGMbKuknkgDShqPqu0hSoH1_X",
            ],
            """
            eyJhbGciOiJFUzM4NCIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJ4Iiwic3ViIjoieSJ9.BNGEOtM55xA9b9xW\
            tuncRZ_F9oBMzQ_8fyt-F7-7LGZlhd0k3FFOn9B_m-TfV6jCyPPxcGpOA1B-hUaE7OkH1efRWsMiwmLSrWzMvmajYgso3uul\
            iDp3ExIFnP816Fno
            """
        )
    }

    static func edDSA() throws -> Signed {
        try Signed(
            .edDSA,
            [
                "x": "WRl5EFhtCulCAdcIkNonN99Va4JTqBgxr1KD3T2fS2E",
                "kty": "OKP",
                "crv": "Ed25519",
            ],
            """
            eyJhbGciOiJFZERTQSIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJ4Iiwic3ViIjoieSJ9.pWPMtKzg4iYt3fHW\
            i9TRJpebNp-eOx-sFHnl4B6bjz5mVL_x_Cryf5bE5hX0CDFEmVGr2pzP-xaoVTjfBS55BQ
            """
        )
    }

    static func small() throws -> Signed {
        try Signed(
            .rs256,
            [
                "kty": "RSA",
                "n": .string(
                    """
                    5MKmeMSl40f_uwyYYWhoyTjjIXyq6gPNNdw0N-EXgOqlZ8o_I9-xZ2qllMiYtGcgh_q4HoVtPsOu7iFNgFDffD_p8CdFwpIG\
                    snDbLmP5Zvt0TArP5rx-24KdHsWCGsoo4FuXX9mtZNs6U7mrnt64xZdrJZ2V91Q7hLoFAdgu9Pc
                    """
                ),
                "e": "AQAB",
            ],
            """
            eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.MmOWVVKSsO-yfQy0CkXPRiTHgbZEXsuF7VdJFWZfaMz\
            L_ErMVSFnN7IFDPCUOfZJp7y18-yHk5OfiZJwAUcio2nK--rZrrlCL32ToNEXxe9QyusP7he108LsFCGmthNHHXlPRCv6DoE\
            tuQCiz-MTVdEnsHAsE-pYCNSElVSrrEw
            """
        )
    }

    static func all() throws -> [Signed] { try [rs256(), ps256(), es256(), es384(), edDSA()] }
}

struct `A key of an issuer` {
    private func key(_ document: JSON, _ algorithm: SigningAlgorithm) async -> (any VerificationKey)? {
        await IssuerVerification().key(document, for: algorithm)
    }

    @Test func `verifies what its private key has signed, and nothing else`() async throws {
        for one in try Signed.all() {
            let key = try #require(await key(one.key, one.algorithm), "\(one.algorithm)")
            #expect(key.algorithm == one.algorithm && key.verifies(one.signature, of: one.signed), "\(one.algorithm)")
            var other = one.signed
            other[3] ^= 1
            #expect(!key.verifies(one.signature, of: other) && !key.verifies([], of: one.signed))
            var forged = one.signature
            forged[forged.count - 1] ^= 1
            #expect(!key.verifies(forged, of: one.signed))
            #expect(!key.verifies([UInt8](repeating: 0, count: one.signature.count), of: one.signed))
        }
    }

    @Test func `verifies by one algorithm alone`() async throws {
        let (pkcs, pss) = try (Signed.rs256(), Signed.ps256())
        #expect(try #require(await key(pkcs.key, .ps256)).verifies(pkcs.signature, of: pkcs.signed) == false)
        #expect(try #require(await key(pss.key, .rs256)).verifies(pss.signature, of: pss.signed) == false)
        for one in try Signed.all() {
            for algorithm in SigningAlgorithm.allCases where algorithm != one.algorithm {
                let made = await key(one.key, algorithm)
                #expect(made.map { !$0.verifies(one.signature, of: one.signed) } ?? true)
            }
        }
    }

    @Test func `is none where it is weak, too long, off its curve, or no key`() async throws {
        #expect(await key(try Signed.small().key, .rs256) == nil)
        #expect(await key(try other(Signed.rs256(), "n", String(repeating: "w", count: 4096)), .rs256) == nil)
        #expect(await key(try other(Signed.rs256(), "e", "AQABAQABAQAB"), .rs256) == nil)
        #expect(await key(try other(Signed.es256(), "x", String(repeating: "A", count: 43)), .es256) == nil)
        #expect(await key(try other(Signed.es256(), "y", "AA"), .es256) == nil)
        #expect(await key(try other(Signed.edDSA(), "x", "AA"), .edDSA) == nil)
        for algorithm in SigningAlgorithm.allCases {
            for document: JSON in [[:], "x", ["n": 1, "e": 1, "x": 1, "y": 1], ["n": "", "e": "", "x": "", "y": ""]] {
                #expect(await key(document, algorithm) == nil)
            }
        }
    }

    private func other(_ one: Signed, _ name: String, _ value: String) throws -> JSON {
        var members = try #require(one.key.objectValue)
        members[name] = .string(value)
        return .object(members)
    }
}
