extension DirectoryRepository {
    /// The oldest active holder of a name whose organization is open, of so many at most.
    package func oldestHolder(
        of username: String,
        among most: Int = LogIns.Settings().holdersMax
    ) async throws(GatewayError) -> (user: User, organization: Organization)? {
        var last: UserID?
        var seen = 0
        while seen < most {
            let holders = try await activeUsers(named: username, after: last, limit: 20)
            for holder in holders {
                let found = try await organization(holder.organization)
                if let found, found.isActive { return (holder, found) }
            }
            guard holders.count == 20 else { return nil }
            last = holders.last?.id
            seen += holders.count
        }
        return nil
    }
}
