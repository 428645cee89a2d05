import Logging
import OrderedJSON

/// Wraps all stages: whatever becomes of a call, refusal and fault included, leaves an audit line, a usage count and
/// one log line.
///
/// A money call's first line is written by its transaction's own commit, so a crash leaves it too.
package struct RecordCall: Sendable {
    /// What is known of a call when it ends.
    package struct Ending: Sendable {
        /// The call.
        package let call: ToolCall
        /// Who called, once that was known.
        package var principal: Principal?
        /// The tool, once it was found.
        package var tool: ToolDescriptor?
        /// The record it made or found.
        package var record: RecordID?
    }

    private let audit: any AuditRepository
    private let metrics: CallMetrics
    private let entropy: Entropy
    private let logger: Logger
    private let detailBytesMax: Int

    /// Makes the stage.
    ///
    /// Masked arguments over `detailBytesMax` are left out of the audit.
    package init(
        audit: any AuditRepository,
        metrics: CallMetrics,
        entropy: Entropy,
        logger: Logger,
        detailBytesMax: Int = 4096
    ) {
        self.audit = audit
        self.metrics = metrics
        self.entropy = entropy
        self.logger = logger
        self.detailBytesMax = detailBytesMax
    }

    /// The audit line of a call.
    package func line(
        _ ending: Ending,
        outcome: AuditRecord.Outcome,
        code: GatewayError.Code? = nil
    ) -> AuditRecord {
        AuditRecord(
            id: entropy.identifier(),
            organization: ending.principal?.organization,
            at: entropy.now(),
            call: ending.call.id,
            subject: ending.principal?.subjectText ?? "anonymous",
            action: ending.tool?.auditAction ?? "TOOL_CALL",
            tool: ending.tool?.name,
            door: ending.call.door.rawValue,
            outcome: outcome,
            code: code?.rawValue,
            record: ending.record,
            environment: ending.principal?.environment,
            address: ending.call.address,
            detail: detail(of: ending)
        )
    }

    /// Writes what became of a call.
    ///
    /// A fault of the audit fails the call that it would have left out.
    package func end(_ ending: Ending, error: GatewayError?) throws(GatewayError) {
        log(ending, error: error)
        metrics.count(door: ending.call.door, tool: ending.tool, error: error)
        let usage = ending.principal.flatMap { principal in
            ending.tool.map {
                UsageRecord(
                    organization: principal.organization,
                    environment: principal.environment,
                    tool: $0.name,
                    at: entropy.now(),
                    succeeded: error == nil
                )
            }
        }
        let isFault = error?.code == .internalFault || error?.code == .pluginFailed || error?.code == .unavailable
        let outcome: AuditRecord.Outcome = error == nil ? .success : isFault ? .error : .failed
        try audit.enqueue(line(ending, outcome: outcome, code: error?.code), usage: usage)
    }

    private func detail(of ending: Ending) -> String? {
        // Without a tool nobody knows what must be masked, so nothing is kept.
        guard let tool = ending.tool, ending.principal != nil else { return nil }
        let arguments = ending.call.arguments
        let shown = tool.sensitive.isEmpty ? arguments : arguments.masking(tool.sensitive, with: "•••")
        let bytes = shown.bytes
        return bytes.count <= detailBytesMax ? String(decoding: bytes, as: UTF8.self) : nil
    }

    private func log(_ ending: Ending, error: GatewayError?) {
        let level: Logger.Level = error?.code == .internalFault ? .error : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "call": "\(ending.call.id)", "door": "\(ending.call.door.rawValue)",
            "tool": "\(ending.tool?.name ?? "-")",
        ]
        if let principal = ending.principal { metadata["organization"] = "\(principal.organization)" }
        if let record = ending.record { metadata["record"] = "\(record)" }
        if let error {
            metadata["code"] = "\(error.code.rawValue)"
            if let detail = error.detail { metadata["detail"] = "\(detail)" }
        }
        logger.log(level: level, error == nil ? "call answered" : "call refused", metadata: metadata)
    }
}

extension ToolDescriptor {
    /// The seed's word for what the tool does in the audit, or the tool's name in capitals.
    package var auditAction: String {
        switch name {
        case "mpesa_stk_push": "STK_PUSH_INITIATED"
        case "mpesa_check_status": "TRANSACTION_STATUS_CHECK"
        default: name.uppercased()
        }
    }
}
