import COpenSSL
import Synchronization

/// The 32 bytes of a SHA-256 or HMAC-SHA-256.
///
/// Held as four words because it is a key of caches.
package struct Digest32: Sendable, Hashable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Lets C write the 32 bytes.
    init(writing body: (UnsafeMutablePointer<UInt8>) -> Void) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { raw in
            if let base = raw.bindMemory(to: UInt8.self).baseAddress { body(base) }
        }
        self.words = words
    }

    /// The bytes in order.
    package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    /// 64 digits in lower case.
    package var hexadecimal: String { Hexadecimal.encode(bytes) }

    /// Whether two are the same.
    ///
    /// For secrets use `constantTimeEquals`.
    package static func == (left: Digest32, right: Digest32) -> Bool { left.words == right.words }

    /// Hashes all 32 bytes.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

/// SHA-256, by OpenSSL.
package enum SHA256 {
    /// The digest of some bytes.
    package static func digest(_ bytes: [UInt8]) -> Digest32 {
        Digest32 { out in
            precondition(gateway_sha256(bytes, bytes.count, out) == 1, "libcrypto could not compute SHA-256")
        }
    }

    /// The digest of a text's UTF-8.
    package static func digest(_ text: String) -> Digest32 {
        var text = text
        return text.withUTF8 { utf8 in
            Digest32 { out in
                let done = gateway_sha256(utf8.baseAddress, utf8.count, out)
                precondition(done == 1, "libcrypto could not compute SHA-256")
            }
        }
    }
}

/// HMAC-SHA-256, by OpenSSL.
package enum HMACSHA256 {
    /// The authentication code of some bytes under a key.
    package static func authenticate(key: [UInt8], _ bytes: [UInt8]) -> Digest32 {
        Digest32 { out in
            var length: UInt32 = 0
            let done = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, out, &length)
            precondition(done != nil && length == 32, "libcrypto could not compute HMAC-SHA-256")
        }
    }
}

/// Whether two byte strings are the same, in a time that tells nothing about where they differ.
package func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
}

/// Bytes that nobody can guess.
package enum SecureRandom {
    /// So many random bytes, from the library's seeded generator.
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let done = RAND_bytes(buffer.baseAddress, Int32(count))
            // Without randomness every key and token would be guessable: stopping is the only right answer.
            precondition(done == 1, "libcrypto has no randomness")
            initialized = count
        }
    }

    /// One random word.
    package static func word() -> UInt64 {
        bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Random words taken from the library's generator many at a time: one call of it costs more than most of a request.
///
/// In several heaps, so that threads do not wait for each other.
package final class RandomWords: Sendable {
    private final class Heap: Sendable {
        let words = Mutex<[UInt64]>([])

        static func take(from words: inout [UInt64]) -> UInt64 {
            if words.isEmpty {
                let bytes = SecureRandom.bytes(refill * 8)
                words = bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
            }
            return words.removeLast()
        }
    }

    private static let refill = 512
    private let heaps = [Heap(), Heap(), Heap(), Heap()]

    /// Starts empty.
    package init() {}

    /// One random word, given out once, to whatever thread asks.
    package func next() -> UInt64 {
        for heap in heaps {
            if let word = heap.words.withLockIfAvailable({ Heap.take(from: &$0) }) { return word }
        }
        return heaps[0].words.withLock { Heap.take(from: &$0) }
    }
}
