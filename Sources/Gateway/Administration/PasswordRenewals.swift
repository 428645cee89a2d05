/// Hashes passwords anew, beside the log-ins that have just proved them, where the stored hash is of another cost than
/// today's.
///
/// Nobody waits for it, and what cannot be done is left to the next log-in. Only whoever knows the password puts
/// something here; each is hashed once, one after another, as somebody whom the house does not know: in the queue for
/// hashing they make room for those who log in.
package final class PasswordRenewals: Sendable {
    /// How many wait.
    static let waitingMax = 16

    /// A password that was right a moment ago, and the hash that it was held against.
    struct Proven: Sendable {
        let user: UserID
        let organization: OrganizationID
        let hash: String
        let password: Secret<String>
    }

    private let passwords: any Passwords
    private let directory: any DirectoryRepository
    private let proven: AsyncStream<Proven>
    private let waiting: AsyncStream<Proven>.Continuation

    init(passwords: any Passwords, directory: any DirectoryRepository) {
        self.passwords = passwords
        self.directory = directory
        (proven, waiting) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.waitingMax))
    }

    /// Puts a password down that was right, where its hash is to be made anew.
    func note(_ password: Secret<String>, of user: User) {
        guard passwords.isOutdated(user.passwordHash) else { return }
        waiting.yield(
            Proven(
                user: user.id,
                organization: user.organization,
                hash: user.passwordHash,
                password: password
            )
        )
    }

    /// Works off what comes until cancelled, finishing what is in hand.
    package func run() async {
        for await one in proven {
            // What the store cannot do now, or where too many wait, the next log-in does.
            try? await renew(one)
        }
    }

    private func renew(_ one: Proven) async throws(GatewayError) {
        // Somebody who logged in twice has been here already.
        guard try await directory.user(one.user, organization: one.organization)?.passwordHash == one.hash else {
            return
        }
        let hash = try await passwords.hash(one.password, turn: PasswordTurn(name: "renewals", isKnown: false))
        _ = try await directory.replace(one.hash, by: hash, of: one.user, organization: one.organization)
    }
}
