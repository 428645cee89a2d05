/// Seventh stage: whether a person must approve this first.
///
/// This host has no approvals yet, so a tool that asks for one is refused here; the loader already refuses to publish
/// such a tool, and this holds even if it did.
enum RequireApproval {
    /// - Throws: `approvalRequired` for a tool whose descriptor asks for approval.
    static func check(_ tool: ToolDescriptor) throws(GatewayError) {
        guard tool.approvalAmount == nil else {
            throw GatewayError(
                .approvalRequired,
                "\(tool.name) must be approved first, and this host cannot do that yet."
            )
        }
    }
}
