/// What somebody is told who meets a record that they may not see.
extension Operations {
    /// The refusal of a key that somebody else's call has used: neither shown, nor made again.
    static let othersKey = GatewayError(
        .conflict,
        """
        This idempotency key was used for a call that somebody else of your organization made. Nothing was sent. Use keys \
        that nobody else can have, such as random ones.
        """
    )

    /// An error as the caller may read it: what stands in the way is named by its id only to whoever may see it.
    func told(_ error: GatewayError, to principal: Principal) async -> GatewayError {
        let isAboutOthers = error.code == .conflict || error.code == .idempotencyKeyReused
        guard principal.maker != nil || principal.accounts != nil, isAboutOthers, let id = error.record else {
            return error
        }
        let found = try? await records.record(id, of: principal)
        guard let found, principal.sees(found) else { return error.withoutRecord }
        return error
    }
}

extension GatewayError {
    /// The same, naming no record.
    fileprivate var withoutRecord: GatewayError {
        GatewayError(code, message, errors: errors, detail: detail, retryAfter: retryAfter)
    }
}
