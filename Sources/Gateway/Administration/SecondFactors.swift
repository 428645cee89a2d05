import Cryptography

/// Second factors: a secret that an authenticator shows codes of, sealed, and codes for when it is lost.
///
/// A code counts once: the step of the newest one that was used is remembered, in the commit that takes it.
package struct SecondFactors: Sendable {
    /// What its owner is shown, once.
    package struct Shown: Sendable {
        /// Base 32, as authenticators take it.
        package let secret: Secret<String>
        /// Each lets its owner in once, without the authenticator.
        package let recovery: [String]
    }

    /// What became of a code.
    package enum Taken: Sendable, Equatable {
        /// It was right, and had not been used.
        case taken
        /// It is right, and was used: told to nobody who has not proved who they are by something else.
        case used
        /// It is none.
        case wrong
    }

    /// What is done in the commit that takes a code, beside taking it.
    package struct Beside: Sendable {
        /// The only session of its owner that goes on; nil ends none.
        package var session: Identifier?
        /// Recovery codes in the place of those that there were.
        package var recovery: [String]?

        /// Nothing.
        package init(endingAllBut session: Identifier? = nil, recovery: [String]? = nil) {
            self.session = session
            self.recovery = recovery
        }
    }

    private let people: any PeopleRepository
    private let key: Secret<[UInt8]>
    private let entropy: Entropy

    /// How many recovery codes there are.
    private static let recoveryCount = 10

    /// Makes it; `key` comes from the host's master key.
    package init(people: any PeopleRepository, key: Secret<[UInt8]>, entropy: Entropy) {
        self.people = people
        self.key = key
        self.entropy = entropy
    }

    /// Makes a factor that does not count before a code of it was shown.
    /// - Throws: `conflict` when the user has one that does.
    package func begin(_ user: User) async throws(GatewayError) -> Shown {
        let secret = SecureRandom.bytes(20)
        let recovery = SecondFactors.newRecovery()
        let sealed: [UInt8]
        do {
            sealed = try AESGCM.seal(secret, key: key.reveal(), associatedData: place(user.id, user.organization))
        } catch { throw GatewayError.fault("\(error.reason) of a second factor") }
        try await people.begin(
            SecondFactor(
                user: user.id,
                organization: user.organization,
                sealed: sealed,
                recovery: recovery.map(SecondFactors.digest)
            )
        )
        return Shown(secret: Secret(OneTimeCodes.text(of: secret)), recovery: recovery)
    }

    /// Recovery codes that nobody has yet.
    package static func newRecovery() -> [String] {
        (0..<recoveryCount).map { _ in CrockfordBase32.encode(SecureRandom.bytes(10)) }
    }

    /// Takes a code, of the authenticator or of recovery; from then on the factor counts.
    ///
    /// A code of recovery that was used is `wrong`: it is not kept.
    package func take(
        _ code: String,
        of user: UserID,
        organization: OrganizationID,
        _ beside: Beside = Beside()
    ) async throws(GatewayError) -> Taken {
        guard var factor = try await people.factor(of: user, organization: organization) else { return .wrong }
        let before = factor.usedStep
        let digest = SecondFactors.digest(code)
        if let index = factor.recovery.firstIndex(of: digest), factor.isConfirmed {
            factor.recovery.remove(at: index)
            // Two that use it at once do not find the same step any more.
            factor.usedStep = max(before + 1, OneTimeCodes.step(at: seconds) - 1)
        } else {
            let secret: [UInt8]
            do {
                secret = try AESGCM.open(
                    factor.sealed,
                    key: key.reveal(),
                    associatedData: place(user, organization)
                )
            } catch { throw GatewayError.fault("\(error.reason) of a second factor") }
            guard let step = OneTimeCodes.step(of: code, secret: secret, at: seconds, after: before) else {
                let isUsed = OneTimeCodes.step(of: code, secret: secret, at: seconds, after: .min) != nil
                return isUsed && factor.isConfirmed ? .used : .wrong
            }
            factor.usedStep = step
        }
        factor.isConfirmed = true
        if let recovery = beside.recovery { factor.recovery = recovery.map(SecondFactors.digest) }
        // Somebody else used one at the same moment.
        return try await people.change(factor, from: before, endingAllBut: beside.session) ? .taken : .used
    }

    /// Whether a code is short enough to be found by trying: an authenticator's, and whatever is no code.
    static func isGuessable(_ code: String) -> Bool { code.utf8.count < 16 }

    /// Authenticators go by the clock on the wall.
    private var seconds: Int64 { entropy.wall().milliseconds / 1000 }

    private func place(_ user: UserID, _ organization: OrganizationID) -> [UInt8] {
        Array("second-factor/\(organization)/\(user)".utf8)
    }

    private static func digest(_ code: String) -> String {
        SHA256.digest(code.lowercased()).hexadecimal
    }
}
