/// Letters about what waits for nobody but whoever asked for it.
extension ApprovalLetters {
    /// Tells those who may confirm it: whoever asked, or whose the key is that did.
    ///
    /// Whom the conversation asks is written to only when the time is nearly over: it may have been left meanwhile.
    func tellToConfirm(
        _ record: Record,
        _ hold: Hold,
        _ asked: Hold.Asked,
        isLast: Bool
    ) async throws(GatewayError) {
        guard isLast || !asked.isAskedThere else { return }
        let page = ConfirmationPage(base: base)
        let approval = page.action(of: record.id)
        // Where a password would go over the network as it is typed, nobody is led to type one.
        let way =
            page.address(of: record.id)
            .map { "Look at it, and confirm it or decline it, with your log-in: \($0)" }
            ?? "Look at it and decide: GET \(approval), then POST \(approval)/confirm or /decline."
        let text = """
            \(isLast ? "It waits still, and its time is nearly over." : "A payment waits for you to confirm it.")

            \(Self.words(for: record))
            Asked for by: \(Self.isByKey(record) ? "a key of yours" : "you")
            Why: \(hold.reason)
            Until: \(NairobiDay.moment(hold.until)) in Nairobi

            \(way)

            If you did not ask for it, decline it, and tell your administrators.

            """
        let subject = isLast ? "A payment still waits for you to confirm it" : "A payment waits for you to confirm it"
        var told: Set<UserID> = []
        for id in try await directory.ids(behind: record.madeBy, of: record.organization).prefix(settings.peopleMax)
        where told.insert(id).inserted {
            guard let user = try await directory.user(id, organization: record.organization), user.isActive else {
                continue
            }
            await send(to: user, subject, text)
        }
    }

    private static func isByKey(_ record: Record) -> Bool {
        if case .apiKey? = Principal.Subject(record.madeBy) { true } else { false }
    }
}
