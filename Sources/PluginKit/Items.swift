import OrderedJSON

extension OperationTool {
    /// Makes a tool that makes many payments together: the host makes a batch of them.
    ///
    ///     OperationTool(payroll, items: "/payments", prepare: { input in … input.arguments["amount"] … }, render: show)
    ///
    /// `prepare` is called once for each item, with the item as its arguments, and `render` shows one; what a call answers
    /// about all of them is the host's to say. A draft (`x-items`). A host from before that calls `prepare` with the whole
    /// call, and that is refused as `not_supported`.
    ///
    /// - Parameter items: Where the arguments list them: a required array of closed objects.
    public init(
        _ descriptor: JSONObject,
        items: String,
        prepare: @escaping @Sendable (PrepareInput) throws(Refusal) -> OperationPlan,
        render: @escaping @Sendable (Record) -> JSON
    ) {
        var descriptor = descriptor
        descriptor["x-items"] = ["pointer": .string(items), "operation": descriptor["operation"] ?? .null]
        self.init(
            descriptor,
            prepare: { input throws(Refusal) in
                guard input.row != nil else {
                    throw Refusal("not_supported", "This gateway is too old for batches: it makes one payment a call.")
                }
                return try prepare(input)
            },
            render: render
        )
    }
}
