/// Keeps what organizations' events are signed with sealed by their own keys.
///
/// Implemented by `Credentials`.
package protocol WebhookSafe: Sendable {
    /// Seals the bytes of a secret, for an endpoint and a form and nothing else.
    func seal(
        _ secret: Secret<[UInt8]>,
        form: WebhookSecret.Form,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> (sealed: [UInt8], keyVersion: Int)

    /// Opens a secret of an endpoint.
    ///
    /// - Throws: `internalFault` where it was sealed for something else.
    func open(
        _ secret: WebhookSecret,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> Secret<[UInt8]>
}
