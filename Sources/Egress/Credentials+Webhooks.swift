import Gateway

/// What events are signed with is sealed by the same data keys as secrets of M-Pesa's.
extension Credentials: WebhookSafe {
    package func seal(
        _ secret: Secret<[UInt8]>,
        form: WebhookSecret.Form,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> (sealed: [UInt8], keyVersion: Int) {
        let (key, version) = try await newestDataKey(of: organization)
        let place = Credentials.place(organization, endpoint, form, version)
        return (try seal(secret.reveal(), key: key, place: place), version)
    }

    package func open(
        _ secret: WebhookSecret,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> Secret<[UInt8]> {
        let key = try await dataKey(of: organization, version: secret.keyVersion)
        let place = Credentials.place(organization, endpoint, secret.form, secret.keyVersion)
        return Secret(try open(secret.sealed, key: key, place: place))
    }

    private static func place(
        _ organization: OrganizationID,
        _ endpoint: Identifier,
        _ form: WebhookSecret.Form,
        _ version: Int
    ) -> String { "webhook/\(organization)/\(endpoint)/\(form.rawValue)/\(version)" }
}
