import Testing

@testable import Cryptography

struct `Digests` {
    // FIPS 180-2 and RFC 4231, test case 2.
    @Test func `are the published ones`() {
        #expect(
            SHA256.digest(Array("abc".utf8)).hexadecimal
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(
            HMACSHA256.authenticate(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)).hexadecimal
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        )
    }
}

struct `Sealed bytes` {
    let key = [UInt8](repeating: 7, count: 32)

    @Test func `open to what was sealed`() throws {
        let sealed = try AESGCM.seal([1, 2, 3], key: key, associatedData: [9])

        #expect(try AESGCM.open(sealed, key: key, associatedData: [9]) == [1, 2, 3])
        #expect(try AESGCM.seal([1, 2, 3], key: key, associatedData: [9]) != sealed)
    }

    @Test func `do not open in another place, under another key, or once changed`() throws {
        let sealed = try AESGCM.seal([1, 2, 3], key: key, associatedData: [9])
        var changed = sealed
        changed[14] ^= 1

        #expect(throws: CryptographyError.self) { try AESGCM.open(sealed, key: key, associatedData: [8]) }
        #expect(throws: CryptographyError.self) {
            try AESGCM.open(sealed, key: [UInt8](repeating: 8, count: 32), associatedData: [9])
        }
        #expect(throws: CryptographyError.self) { try AESGCM.open(changed, key: key, associatedData: [9]) }
        #expect(throws: CryptographyError.self) { try AESGCM.open([], key: key, associatedData: [9]) }
    }
}

struct `Passwords` {
    @Test func `verify, and no other does`() throws {
        let stored = try PasswordHash(logCost: 4).make(for: "correct horse")

        #expect(PasswordHash.verify("correct horse", against: stored))
        #expect(!PasswordHash.verify("correct horsf", against: stored))
        #expect(!PasswordHash.verify("correct horse", against: "$scrypt$ln=4,r=8,p=1$00"))
    }
}

struct `Encodings` {
    @Test(arguments: 0..<40)
    func `read back what they wrote`(count: Int) {
        let bytes = SecureRandom.bytes(count)

        #expect(Hexadecimal.decode(Hexadecimal.encode(bytes)) == bytes)
        #expect(CrockfordBase32.decode(CrockfordBase32.encode(bytes)) == bytes)
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }

    @Test func `are the usual ones`() {
        #expect(Base64.encode(Array("foobar".utf8)) == "Zm9vYmFy")
        #expect(Base64.encode(Array("fooba".utf8)) == "Zm9vYmE=")
        #expect(Base64.encode(Array("foob".utf8)) == "Zm9vYg==")
        #expect(Base64.encode([0xFB, 0xFF, 0xFE]) == "+//+" && Base64.encode([]).isEmpty)
        #expect(Hexadecimal.decode("0g") == nil)
        #expect(CrockfordBase32.decode("u0") == nil)
    }
}
