import Gateway
import OrderedJSON

/// Whoever says that a password was forgotten, worked off beside the door: a line of the audit for the administrators,
/// and, where the operators let it, a letter with a link to the address that the account has.
///
/// The door only puts a wish here, whatever name it holds, and looks nothing up: neither the answer nor its time tells
/// whether there is such an account. What comes while too many wait is dropped, as if a letter were lost.
final class ForgottenPasswords: Sendable {
    /// A wish, as it came to the door.
    struct Wish: Sendable {
        let username: String
        let slug: String?
        let caller: LogIns.Caller
    }

    /// How many wait.
    static let waitingMax = 200
    /// How many are worked off at once: a mail server that hangs holds up so many.
    static let atOnceMax = 4
    /// How many letters go to one address in an hour, whoever asks for them: each holds a link that is good.
    static let lettersToOneMax = 3
    /// How many of one organization's people are written to in an hour.
    ///
    /// What its administrators mail is counted apart: a stranger keeps nobody from inviting.
    static let lettersMax = 30
    /// How many letters one address of the web asks for in an hour.
    static let lettersByOneMax = 10

    private let house: Administration
    private let failures: SampleFailures
    private let ofMailbox: AttemptLimit
    private let ofAsker: AttemptLimit
    private let wishes: AsyncStream<Wish>
    private let waiting: AsyncStream<Wish>.Continuation

    init(_ house: Administration, failures: SampleFailures) {
        self.house = house
        self.failures = failures
        var bounds = AttemptLimit.Settings()
        bounds.ofName = RateLimit(units: Self.lettersToOneMax, per: .seconds(3600))
        bounds.ofAddress = RateLimit(units: Self.lettersMax, per: .seconds(3600))
        ofMailbox = AttemptLimit(entropy: house.parts.entropy, settings: bounds)
        bounds.ofName = RateLimit(units: Self.lettersByOneMax, per: .seconds(3600))
        bounds.ofAddress = bounds.ofName
        ofAsker = AttemptLimit(entropy: house.parts.entropy, settings: bounds)
        (wishes, waiting) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.waitingMax))
    }

    /// Whether letters are sent.
    var isMailing: Bool { house.parts.letters?.mailsForgotten ?? false }

    /// Puts a wish down; nobody waits.
    func add(_ wish: Wish) { waiting.yield(wish) }

    /// Works off what comes until cancelled, finishing what is in hand.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await wish in wishes {
                if running == Self.atOnceMax {
                    await group.next()
                    running -= 1
                }
                running += 1
                group.addTask {
                    // What the store cannot say now is as if it had been lost on its way.
                    try? await self.serve(wish)
                }
            }
        }
    }

    private func serve(_ wish: Wish) async throws(GatewayError) {
        guard let (user, organization) = try await find(wish) else { return }
        let author = Links.Author(call: wish.caller.call, subject: "anonymous", address: wish.caller.address)
        let whom = GatewayError.Attempted(organization: user.organization, subject: "user:\(user.id)")
        let line = author.line("PASSWORD_RESET_REQUESTED", .begun, of: user, house.parts.entropy)
        failures.note(line, naming: whom)
        // Of whoever runs the gateway a mailbox is no proof: `init` makes another super administrator.
        guard isMailing, !organization.isHost, mayWrite(to: user, for: wish.caller) else { return }
        _ = try await Links(house: house).make(.forgotten, for: user, of: organization, by: author)
    }

    private func find(_ wish: Wish) async throws(GatewayError) -> (User, Organization)? {
        guard (1...128).contains(wish.username.utf8.count) else { return nil }
        if let slug = wish.slug {
            guard let organization = try await house.directory.organization(slug: slug), organization.isActive,
                let user = try await house.directory.user(named: wish.username, organization: organization.id),
                user.isActive
            else { return nil }
            return (user, organization)
        }
        // The oldest holder of a name logs in without saying which organization.
        guard let found = try await house.directory.oldestHolder(of: wish.username) else { return nil }
        return (found.user, found.organization)
    }

    private func mayWrite(to user: User, for caller: LogIns.Caller) -> Bool {
        do throws(GatewayError) {
            _ = try ofAsker.begin(name: "letters", address: caller.address)
            _ = try ofMailbox.begin(name: user.email.lowercased(), address: "\(user.organization)")
            return true
        } catch { return false }
    }
}
