import Gateway
import Synchronization

/// Counts attempts by what came of them: labels come from closed sets.
package final class WebhookMetrics: Sendable {
    /// What is counted by.
    package enum Outcome: String, Sendable, CaseIterable {
        /// The receiver took it.
        case delivered
        /// It did not, and is asked again.
        case failed
        /// It did not, and is not asked again.
        case givenUp = "given_up"
    }

    private let counts = Mutex<[Outcome: Int]>([:])

    /// Starts at nothing.
    package init() {}

    func count(_ delivery: WebhookDelivery, isTaken: Bool) {
        let outcome: Outcome = isTaken ? .delivered : delivery.state == .givenUp ? .givenUp : .failed
        counts.withLock { $0[outcome, default: 0] += 1 }
    }

    /// Every count so far.
    package var all: [Outcome: Int] { counts.withLock { $0 } }
}

/// Names an endpoint among all organizations'.
package struct WebhookPlace: Hashable, Sendable {
    /// Whose it is.
    package let organization: OrganizationID
    /// Of which environment.
    package let environment: Environment
    /// Its id.
    package let endpoint: Identifier

    /// Names one.
    package init(_ endpoint: WebhookEndpoint) {
        organization = endpoint.organization
        environment = endpoint.environment
        self.endpoint = endpoint.id
    }
}
