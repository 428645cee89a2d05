/// Who shows a message's credential, found out once by its door and handed on to whatever the message asks for.
///
/// It holds for that message. What waits for a person meanwhile, and what goes on by itself, asks anew.
package final class Recognized: Sendable {
    private let found: Result<Principal, GatewayError>

    init(_ found: Result<Principal, GatewayError>) { self.found = found }

    /// Who it is.
    /// - Throws: as the first stage did; whoever throws it leaves its trace.
    package var principal: Principal {
        get throws(GatewayError) { try found.get() }
    }
}
