import Addresses
import Synchronization

/// Keeps whoever is refused again and again from taking the processor from everybody else.
///
/// A refusal is cheap, yet sixty connections that ask for the next one as soon as they have read the last fill a machine
/// with refusals and their audit lines. So an organization, and an address that shows no credential, is answered so many
/// refusals a second at once; each more waits for its turn, on its own connection, which asks for nothing meanwhile.
/// What is not refused never waits.
package final class PaceRefusals: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many refusals a second one name is answered.
        ///
        /// Default 1,000: about three hundredths of a processor.
        package var perSecond = 1_000
        /// How many are answered at once before any waits.
        ///
        /// Default 1,000.
        package var burst = 1_000
        /// How long a refusal waits at most.
        ///
        /// Default 2 s: a caller with more connections than are answered meanwhile is paced by them.
        package var waitMax: Duration = .seconds(2)
        /// How many names are told apart; past that all others are one.
        ///
        /// Default 10,000.
        package var namesMax = 10_000

        /// The defaults.
        package init() {}
    }

    private enum Name: Hashable {
        case organization(OrganizationID)
        case address(IPAddress)
        case others
    }

    private let entropy: Entropy
    private let settings: Settings
    /// By name, when its next refusal would be answered if all came evenly: microseconds of uptime, as in `LimitRate`.
    private let arrivals = Mutex<[Name: Int64]>([:])

    /// Makes it; nobody is known yet.
    package init(entropy: Entropy, settings: Settings = Settings()) {
        self.entropy = entropy
        self.settings = settings
    }

    /// Waits until a refusal may be answered.
    func turn(of error: GatewayError, organization: OrganizationID?, address: String?) async {
        let wait = wait(error, organization: organization, address: address)
        if wait > .zero { try? await entropy.sleep(for: wait) }
    }

    /// How long a refusal has to wait; it is counted.
    func wait(_ error: GatewayError, organization: OrganizationID?, address: String?) -> Duration {
        // Of whom nobody knows who they are, nothing was done that is worth more than a refusal.
        let isNobodys = organization == nil && error.code == .unavailable
        guard PaceRefusals.isRefusal(error.code) || isNobodys else { return .zero }
        let peer = address.flatMap { IPAddress($0)?.network }
        let name = organization.map { Name.organization($0) } ?? peer.map { .address($0) } ?? .others
        let now = entropy.uptime().nanoseconds / 1000
        let pace = EvenPace(RateLimit(units: settings.perSecond, per: .seconds(1), burst: settings.burst))
        let (waitMax, namesMax) = (settings.waitMax, settings.namesMax)
        return arrivals.withLock { arrivals in
            if arrivals[name] == nil, arrivals.count >= namesMax { arrivals = arrivals.filter { $0.value > now } }
            let known = arrivals[name] != nil || arrivals.count < namesMax ? name : .others
            let (arrival, excess) = pace.adding(to: arrivals[known], at: now)
            // Nobody is made to wait later for what nobody waited for: past the longest wait nothing is added.
            let wait = max(0, excess)
            guard Duration.microseconds(wait) < waitMax else { return waitMax }
            arrivals[known] = arrival
            return .microseconds(wait)
        }
    }

    /// Whether a call was refused before anything was done for it.
    static func isRefusal(_ code: GatewayError.Code) -> Bool {
        switch code {
        case .unauthenticated, .permissionDenied, .organizationSuspended, .notFound, .rateLimited: true
        default: false
        }
    }
}
