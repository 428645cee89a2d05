/// Plans, beyond the one that a call needs.
package protocol PlanRepository: Sendable {
    /// Every plan, by name.
    func plans(after name: String?, limit: Int) async throws(GatewayError) -> [Plan]
    /// Writes a plan, new or in the place of the one of this version.
    ///
    /// Where a moment is given, the feeds of the organizations on it tell of it, of the first `Plan.toldMax`.
    ///
    /// - Parameter version: Nil for whatever there is.
    /// - Returns: As it stands then.
    /// - Throws: `staleVersion` when it is of another version, or there is none.
    func set(_ plan: Plan, from version: Int?, at moment: Timestamp?) async throws(GatewayError) -> Plan
    /// Takes a plan away that no organization is on; whether there was one.
    ///
    /// - Throws: `conflict` when an organization is on it.
    func removePlan(_ name: String) async throws(GatewayError) -> Bool
    /// The organizations on a plan, by slug.
    func organizations(on plan: String, after slug: String?, limit: Int) async throws(GatewayError) -> [Organization]
}

extension PlanRepository {
    /// Writes a plan of which no feed tells.
    package func set(_ plan: Plan, from version: Int?) async throws(GatewayError) -> Plan {
        try await set(plan, from: version, at: nil)
    }
}

extension Plan {
    /// In how many organizations' feeds a change of a plan is told, because one commit tells all of them.
    package static let toldMax = 10_000
}
