import Cryptography
import Gateway
import Synchronization

/// The master keys of a host: the newest one wraps data keys, older ones still open what they have wrapped.
///
/// While a rotation is under way there are two; one that is killed is gone on with by the next process.
package final class MasterKeys: Sendable {
    /// One key, and the name by which data keys say that it wrapped them.
    struct Key: Sendable {
        let id: String
        let bytes: Secret<[UInt8]>

        init(_ bytes: Secret<[UInt8]>) {
            self.bytes = bytes
            id = String(SHA256.digest(bytes.reveal()).hexadecimal.prefix(16))
        }
    }

    private let keys: Mutex<[Key]>

    /// Keys of 32 bytes, the newest first.
    package init(_ newest: Secret<[UInt8]>, older: [Secret<[UInt8]>] = []) {
        keys = Mutex(([newest] + older).map { Key($0) })
    }

    /// What wraps.
    var newest: Key { keys.withLock { $0[0] } }

    /// By which name data keys know what wraps: of it the key cannot be found out.
    package var newestID: String { newest.id }

    /// The key of a name.
    func key(_ id: String) -> Key? { keys.withLock { keys in keys.first { $0.id == id } } }

    /// From now on this key wraps; the others still open.
    package func begin(_ newest: Secret<[UInt8]>) {
        let key = Key(newest)
        keys.withLock { keys in
            guard keys[0].id != key.id else { return }
            keys.removeAll { $0.id == key.id }
            keys.insert(key, at: 0)
        }
    }
}
