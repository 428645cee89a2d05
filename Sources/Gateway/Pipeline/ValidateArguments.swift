import JSONSchema
import OrderedJSON

/// Fifth stage: are the arguments what the tool's schema says? The one place where a call's arguments are checked.
package enum ValidateArguments {
    /// The arguments without what is only the host's business.
    ///
    /// Clients of the seed send `org_id` and `user_id`; they are accepted where they equal the credential's and
    /// refused otherwise, because the organization never comes from an argument.
    /// - Throws: `invalidArgument` naming every wrong field.
    package static func checked(
        _ arguments: JSON,
        tool: ToolDescriptor,
        principal: Principal
    ) throws(GatewayError) -> JSON {
        guard var members = arguments.objectValue else {
            throw GatewayError(.invalidArgument, "The arguments of \(tool.name) must be a JSON object.")
        }
        try removeIdentity("org_id", equalTo: principal.organization.description, from: &members)
        try removeIdentity("user_id", equalTo: principal.subjectIdentifier.description, from: &members)
        let checked = JSON.object(members)
        let violations = tool.inputValidator.violations(in: checked)
        guard violations.isEmpty else {
            let errors = violations.map { GatewayError.FieldError(pointer: $0.instancePath, message: $0.message) }
            let first = errors.first?.message ?? ""
            throw GatewayError(
                .invalidArgument,
                "The arguments of \(tool.name) are not valid: \(first)",
                errors: errors
            )
        }
        return checked
    }

    private static func removeIdentity(
        _ name: String,
        equalTo expected: @autoclosure () -> String,
        from members: inout JSONObject
    ) throws(GatewayError) {
        guard let given = members[name] else { return }
        guard given.stringValue == expected() else {
            let message = "\(name) must equal the credential's, or be left out: who calls is known from the credential."
            throw GatewayError(.permissionDenied, message, errors: [.init(pointer: "/" + name, message: message)])
        }
        members.removeValue(forKey: name)
    }
}
