/// What a plan may have besides tools, of what the gateway itself does.
///
/// A plan that says nothing of features has every one. One that lists some has those and no other; names that are none of
/// these are kept for programs around the gateway.
package enum Feature: String, Sendable, Hashable, CaseIterable {
    /// More than one M-Pesa account in an environment.
    case accounts
    /// The audit as a file, and signed heads of it.
    case auditExport = "audit_export"
    /// Files that tools make: what is too large for an answer.
    case exports
    /// Sums and statistics.
    case reports

    /// The refusal of what an organization's plan does not have.
    package var missing: GatewayError {
        GatewayError(
            .permissionDenied,
            "The organization's plan does not have the feature \(rawValue). Ask whoever runs this gateway for one that has it."
        )
    }
}

extension Plan {
    /// Whether the plan has a feature.
    package func has(_ feature: Feature) -> Bool { features?.contains(feature.rawValue) ?? true }

    /// The names of all that it has.
    package var featureNames: Set<String> { features ?? Set(Feature.allCases.map(\.rawValue)) }
}
