import JSONSchema
import OrderedJSON

/// Fifth stage: is the call what the schema says that the door shows? The one place where a call's arguments are
/// checked, those that the door adds included.
package enum ValidateArguments {
    /// A call that is of its schema.
    package struct Checked: Sendable {
        /// The call, with the key and the answer that came as arguments.
        package let call: ToolCall
        /// The tool's own arguments: what goes to the plugin.
        package var arguments: JSON { call.arguments }
    }

    /// The call without what is only the host's business.
    ///
    /// Clients of the seed send `org_id` and `user_id`; they are accepted where they equal the credential's and
    /// refused otherwise, because the organization never comes from an argument.
    /// - Throws: `invalidArgument` naming every wrong field.
    package static func checked(
        _ call: ToolCall,
        tool: ToolDescriptor,
        schemas: CallSchemas,
        amongAccounts isPlural: Bool = false,
        principal: Principal
    ) throws(GatewayError) -> Checked {
        guard var members = call.arguments.objectValue else {
            throw GatewayError(.invalidArgument, "The arguments of \(tool.name) must be a JSON object.")
        }
        try removeIdentity("org_id", equalTo: principal.organization.description, from: &members)
        try removeIdentity("user_id", equalTo: principal.subjectIdentifier.description, from: &members)
        try takeHeader(call.idempotencyKey, of: schemas, into: &members)
        let given = JSON.object(members)
        try refuse(texts(in: given, of: tool), tool.name)
        let schema = schemas.schema(at: call.door, amongAccounts: isPlural)
        try refuse(try schema.errors(in: given), tool.name)
        var key = call.idempotencyKey
        if schemas.movesMoney { key = members.removeValue(forKey: CallSchemas.key)?.stringValue }
        var account: AccountName?
        if isPlural, schemas.takesAccount {
            account = members.removeValue(forKey: CallSchemas.account)?.stringValue.flatMap { AccountName($0) }
        }
        var wait = call.wait
        if schemas.takesWait, let seconds = members.removeValue(forKey: CallSchemas.wait)?.integerValue {
            wait = .seconds(seconds)
        }
        let answer = takeAnswer(call, of: tool, from: &members)
        let own = call.holding(.object(members), idempotencyKey: key, account: account, wait: wait, answer: answer)
        return Checked(call: own)
    }

    /// The arguments of one of the host's own actions; who calls may be named, as for a tool.
    /// - Throws: `invalidArgument` naming every wrong field.
    package static func checked(
        _ given: Result<JSON, GatewayError>,
        of action: Action,
        withFile: Bool = false,
        principal: Principal
    ) throws(GatewayError) -> JSON {
        let input = withFile ? action.fileInput ?? action.input : action.input
        guard var members = try given.get().objectValue else {
            throw GatewayError(.invalidArgument, "The arguments of \(action.name) must be a JSON object.")
        }
        let properties = input.document["properties"]
        if properties?["org_id"] == nil {
            try removeIdentity("org_id", equalTo: principal.organization.description, from: &members)
        }
        if properties?["user_id"] == nil {
            try removeIdentity("user_id", equalTo: principal.subjectIdentifier.description, from: &members)
        }
        let arguments = JSON.object(members)
        let texts = PlainText.errors(in: arguments) { place in
            if action.takesLines { return .lines }
            return action.sensitive.contains { $0.description == place } ? .line : .name
        }
        try refuse(texts, action.name)
        try refuse(try input.errors(in: arguments), action.name)
        return arguments
    }

    private static func refuse(_ errors: [GatewayError.FieldError], _ name: String) throws(GatewayError) {
        guard let first = errors.first else { return }
        let message = "The arguments of \(name) are not valid: \(first.message)"
        throw GatewayError(.invalidArgument, message, errors: errors)
    }

    /// A key that came in a header is held to the same schema as one that came among the arguments.
    private static func takeHeader(
        _ key: String?,
        of schemas: CallSchemas,
        into members: inout JSONObject
    ) throws(GatewayError) {
        guard let key else { return }
        guard schemas.movesMoney else { return try IdempotencyKey.check(key) }
        guard let given = members[CallSchemas.key] else {
            members[CallSchemas.key] = .string(key)
            return
        }
        guard given.stringValue.map({ $0.utf8.elementsEqual(key.utf8) }) ?? false else {
            let message =
                "\(CallSchemas.key): the header Idempotency-Key says another key. Send one, or the same twice."
            throw GatewayError(
                .invalidArgument,
                message,
                errors: [.init(pointer: "/" + CallSchemas.key, message: message)]
            )
            .aboutCall
        }
    }

    /// Texts that hold what no text may, or no text of this kind of tool.
    ///
    /// What an operation is given goes to M-Pesa and to statements, so it is one line in which everything is seen; what
    /// the tool calls sensitive is somebody's number, which the plugin reads as people paste it. A function tool's
    /// texts are its schema's.
    private static func texts(in given: JSON, of tool: ToolDescriptor) -> [GatewayError.FieldError] {
        var given = given
        if let items = tool.items, var members = given.objectValue {
            // Each is looked at by itself, and told with its row.
            members[items.name] = nil
            given = .object(members)
        }
        return PlainText.errors(in: given) { place in
            if tool.kind == .function { return .lines }
            return tool.sensitive.contains { $0.description == place } ? .line : .name
        }
    }

    /// Takes REST's answer to a tool's question out of the arguments.
    private static func takeAnswer(
        _ call: ToolCall,
        of tool: ToolDescriptor,
        from members: inout JSONObject
    ) -> QuestionReply? {
        guard call.door == .rest, tool.kind == .function, let state = members[CallSchemas.state]?.stringValue,
            let input = members[CallSchemas.input], let action = input["action"]?.stringValue
        else { return call.answer }
        members[CallSchemas.state] = nil
        members[CallSchemas.input] = nil
        return QuestionReply(action: action, content: input["content"] ?? [:], state: state)
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
