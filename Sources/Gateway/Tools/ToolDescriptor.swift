import JSONSchema
import OrderedJSON

/// A tool as its plugin describes it, compiled: one entry of the catalogue.
///
/// See docs/abi.md, section 1.1.
///
/// Made once per generation; shared by every call of the tool and by every door that lists it.
package final class ToolDescriptor: Sendable {
    /// What the host does with it.
    package enum Kind: Sendable, Hashable {
        /// Starts an operation: the index of the kind in the catalogue's `operations`.
        case operation(Int)
        /// Finds a record of an operation kind and shows it.
        case lookUp(operation: Int, LookUp)
        /// Runs the plugin's own code.
        case function

        /// Whether it begins an operation.
        package var begins: Bool { if case .operation = self { true } else { false } }
    }

    /// The kind of M-Pesa's ids that it looks up by; nil for a tool that looks nothing up.
    package var lookUpNamespace: String? { if case .lookUp(_, let lookUp) = kind { lookUp.namespace } else { nil } }

    /// How a look-up tool finds its record.
    package struct LookUp: Sendable, Hashable {
        /// The argument that holds the id.
        package let pointer: JSONPointer
        /// The kind of external id it is; a transaction id is tried as well.
        package let namespace: String
        /// An open record older than this is asked about first.
        package let refreshAfter: Duration

        /// Makes a look-up.
        package init(pointer: JSONPointer, namespace: String, refreshAfter: Duration) {
            self.pointer = pointer
            self.namespace = namespace
            self.refreshAfter = refreshAfter
        }
    }

    /// What clients are told about the tool's nature.
    ///
    /// Names as in MCP.
    package struct Annotations: Sendable, Hashable {
        /// Changes nothing.
        package var readOnly: Bool
        /// May do what cannot be undone.
        package var destructive: Bool
        /// The same arguments twice do no more than once.
        package var idempotent: Bool
        /// Speaks to the world outside.
        package var openWorld: Bool
        /// Moves money, or may.
        package var movesMoney: Bool
        /// The tool that undoes it.
        package var reversibleBy: String?

        /// States every annotation.
        package init(
            readOnly: Bool,
            destructive: Bool,
            idempotent: Bool,
            openWorld: Bool,
            movesMoney: Bool,
            reversibleBy: String? = nil
        ) {
            self.readOnly = readOnly
            self.destructive = destructive
            self.idempotent = idempotent
            self.openWorld = openWorld
            self.movesMoney = movesMoney
            self.reversibleBy = reversibleBy
        }
    }

    /// The stable name.
    package let name: String
    /// The tool's index in its plugin's catalogue.
    package let index: Int
    /// What the host does with it.
    package let kind: Kind
    /// For people.
    package let title: String
    /// For people and models.
    package let summary: String
    /// Where more is written.
    package let documentationURL: String?
    /// Titles and arguments, each valid under the input schema.
    package let examples: [(title: String, arguments: JSON)]
    /// The input schema as the plugin wrote it.
    package let inputSchema: JSON
    /// The input schema, compiled.
    package let inputValidator: JSONSchema
    /// Arguments that MCP clients repeat in headers.
    package let headerParameters: [HeaderParameter]
    /// The output schema as the plugin wrote it: of a tool with items, what it shows of one.
    package let outputSchema: JSON
    /// What a call of it answers, as callers are shown it: of a tool with items, the host's words about the batch.
    package var answerSchema: JSON { items == nil ? outputSchema : BatchDocument.schema }
    /// The output schema, compiled.
    package let outputValidator: JSONSchema
    /// What clients are told.
    package let annotations: Annotations
    /// The least role.
    package let role: Role
    /// The scopes a call needs, all of them.
    package let scopes: [String]
    /// Whether somebody else must agree to what it moves, whatever an organization's rules say.
    package let needsApproval: Bool
    /// What a call costs in its bucket.
    package let cost: Int
    /// The bucket its calls count in: `read` or `money`.
    package let bucket: String
    /// At most this many calls at once per organization; nil for no limit of its own.
    package let concurrencyMax: Int?
    /// The REST operation.
    package let route: Route
    /// How long a caller waits for the outcome when it does not say.
    package let waitDefault: Duration
    /// The longest a caller may wait.
    package let waitMax: Duration
    /// Whether a key must come with the call.
    package let requiresIdempotencyKey: Bool
    /// How long a key is remembered.
    package let idempotencyRetention: Duration
    /// What logs and audit mask.
    package let sensitive: [JSONPointer]
    /// The word for its calls in the audit, such as `STK_PUSH_INITIATED`.
    package let auditAction: String
    /// Where its arguments list the payments that a call makes together; nil for a tool that makes one.
    package let items: ItemsBinding?
    /// How it may go on after its reply; nil for a tool that may not.
    package let task: TaskTerms?
    /// Whether it says that it may ask a person before it goes on.
    package let asks: Bool
    /// Whether clients should stop using it.
    package let isDeprecated: Bool
    /// What to use instead.
    package let replacedBy: String?

    /// Makes a descriptor; `PluginHost` does so from the catalogue.
    package init(
        name: String,
        index: Int,
        kind: Kind,
        title: String,
        summary: String,
        documentationURL: String? = nil,
        examples: [(title: String, arguments: JSON)] = [],
        inputSchema: JSON,
        inputValidator: JSONSchema,
        headerParameters: [HeaderParameter] = [],
        outputSchema: JSON,
        outputValidator: JSONSchema,
        annotations: Annotations,
        role: Role = .user,
        scopes: [String] = [],
        needsApproval: Bool = false,
        cost: Int = 1,
        bucket: String,
        concurrencyMax: Int? = nil,
        route: Route,
        waitDefault: Duration = .zero,
        waitMax: Duration = .zero,
        requiresIdempotencyKey: Bool = false,
        idempotencyRetention: Duration = .seconds(86_400),
        sensitive: [JSONPointer] = [],
        auditAction: String? = nil,
        items: ItemsBinding? = nil,
        task: TaskTerms? = nil,
        asks: Bool = false,
        isDeprecated: Bool = false,
        replacedBy: String? = nil
    ) {
        self.name = name
        self.index = index
        self.kind = kind
        self.title = title
        self.summary = summary
        self.documentationURL = documentationURL
        self.examples = examples
        self.inputSchema = inputSchema
        self.inputValidator = inputValidator
        self.headerParameters = headerParameters
        self.outputSchema = outputSchema
        self.outputValidator = outputValidator
        self.annotations = annotations
        self.role = role
        self.scopes = scopes
        self.needsApproval = needsApproval
        self.cost = cost
        self.bucket = bucket
        self.concurrencyMax = concurrencyMax
        self.route = route
        self.waitDefault = waitDefault
        self.waitMax = waitMax
        self.requiresIdempotencyKey = requiresIdempotencyKey
        self.idempotencyRetention = idempotencyRetention
        self.sensitive = sensitive
        self.auditAction = ToolDescriptor.auditAction(auditAction ?? name.uppercased())
        self.items = items
        self.task = task
        self.asks = asks
        self.isDeprecated = isDeprecated
        self.replacedBy = replacedBy
    }
}

extension ToolDescriptor {
    /// What words in the audit begin with that say what was done about people, keys and organizations: the host's alone.
    private static let hostWords = [
        "LOGIN", "LOGOUT", "PASSWORD", "SECOND_FACTOR", "REFRESH", "LINK", "SESSION", "USER", "KEY", "PLAN",
        "CREDENTIAL",
        "ORGANIZATION", "MASTER_KEY", "APPROVAL", "PAYMENTS", "PLUGIN", "AUDIT",
    ]

    /// A tool's word in the audit; one that could be taken for the host's says that it is a tool's.
    private static func auditAction(_ word: String) -> String {
        hostWords.contains { word.hasPrefix($0) } ? "TOOL_" + word : word
    }
}
