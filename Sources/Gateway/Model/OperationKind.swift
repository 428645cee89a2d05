import OrderedJSON

/// How M-Pesa recognizes a request that it has already had.
package enum Deduplication: Sendable, Hashable {
    /// It does not.
    case none
    /// By an id of ours at this place in the body.
    case hostID(JSONPointer)
    /// By what the request says: the intent's unique key.
    case natural
}

/// One place in the body that the host fills with a secret at the moment of sending.
package struct SecretBinding: Sendable, Hashable {
    /// The transform, such as `stk_password`.
    package let transform: String
    /// Where its result goes.
    package let pointer: JSONPointer
    /// Where its inputs stand in the body, by name.
    package let inputs: [String: JSONPointer]

    /// Makes a binding.
    package init(transform: String, pointer: JSONPointer, inputs: [String: JSONPointer]) {
        self.transform = transform
        self.pointer = pointer
        self.inputs = inputs
    }
}

/// One place in the body that the host fills with an unguessable callback address.
package struct CallbackBinding: Sendable, Hashable {
    /// The callback's name, such as `result` or `timeout`.
    package let name: String
    /// Where the address goes.
    package let pointer: JSONPointer

    /// Makes a binding.
    package init(name: String, pointer: JSONPointer) {
        self.name = name
        self.pointer = pointer
    }
}

/// Where a reversal's arguments name what it gives back.
///
/// A draft (`x-original`): docs/abi.md, section 1.2.
package struct OriginalBinding: Sendable, Hashable {
    /// Where its id or receipt stands in the arguments.
    package let pointer: JSONPointer
    /// By which of M-Pesa's ids it may be named, beside its receipt and our own id.
    package let namespaces: [String]
    /// Where the arguments name earlier reversals that did not move; nil where they cannot.
    package let unmoved: JSONPointer?

    /// Makes a binding.
    package init(pointer: JSONPointer, namespaces: [String], unmoved: JSONPointer?) {
        self.pointer = pointer
        self.namespaces = namespaces
        self.unmoved = unmoved
    }
}

/// Where a body that nobody vouches for may name a transaction of the kind: it proves nothing, and at most makes the host ask.
///
/// A draft (`x-hint`): docs/abi.md, section 1.2.
package struct HintBinding: Sendable, Hashable {
    /// Where M-Pesa's id stands in the body.
    package let pointer: JSONPointer
    /// Which of M-Pesa's ids it is.
    package let namespace: String

    /// Makes a binding.
    package init(pointer: JSONPointer, namespace: String) {
        self.pointer = pointer
        self.namespace = namespace
    }
}

/// A kind of request to M-Pesa as its plugin declares it.
///
/// See docs/abi.md, section 1.2.
package struct OperationKind: Sendable, Hashable {
    /// Unique in the plugin.
    package let name: String
    /// Which way the money goes.
    package let direction: OperationDirection
    /// The upstream's name, such as `daraja`.
    package let upstream: String
    /// `POST` or `GET`.
    package let method: String
    /// The path below the upstream's base.
    package let path: String
    /// The callback addresses it needs.
    package let callbacks: [CallbackBinding]
    /// The secrets it needs.
    package let secrets: [SecretBinding]
    /// How M-Pesa recognizes a repeat.
    package let deduplication: Deduplication
    /// How often the same request may be sent again after it was proven not processed.
    package let resendLimit: Int
    /// How long to wait before sending again.
    package let resendGrace: Duration
    /// How long after its commit a row may still be sent.
    package let sendWithin: Duration
    /// How the host asks about an open record; nil where nothing can be asked.
    package let query: QueryPlan?
    /// What the host finds before it asks for a plan of direction `reverse`; nil where the plan names it alone.
    package let original: OriginalBinding?
    /// Where the seed's callbacks, which carry no token, name a transaction; nil where nothing can be told from them.
    package let hint: HintBinding?
    /// Codes that pause a batch.
    package let pauseCodes: [String]
    /// Codes that break a batch.
    package let breakCodes: [String]
    /// What M-Pesa was seen to send of it.
    package let recorded: [RecordedMessage]

    /// Makes a kind.
    package init(
        name: String,
        direction: OperationDirection,
        upstream: String,
        method: String = "POST",
        path: String,
        callbacks: [CallbackBinding] = [],
        secrets: [SecretBinding] = [],
        deduplication: Deduplication = .none,
        resendLimit: Int = 0,
        resendGrace: Duration = .seconds(60),
        sendWithin: Duration = .seconds(60),
        query: QueryPlan? = nil,
        original: OriginalBinding? = nil,
        hint: HintBinding? = nil,
        pauseCodes: [String] = [],
        breakCodes: [String] = [],
        recorded: [RecordedMessage] = []
    ) {
        self.name = name
        self.direction = direction
        self.upstream = upstream
        self.method = method
        self.path = path
        self.callbacks = callbacks
        self.secrets = secrets
        self.deduplication = deduplication
        self.resendLimit = resendLimit
        self.resendGrace = resendGrace
        self.sendWithin = sendWithin
        self.query = query
        self.original = original
        self.hint = hint
        self.pauseCodes = pauseCodes
        self.breakCodes = breakCodes
        self.recorded = recorded
    }
}
