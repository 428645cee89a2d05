import Cryptography
import Logging
import OrderedJSON

/// Wraps all stages: whatever becomes of a call leaves an audit line, a usage count and one log line.
///
/// Refusals and faults too. Of strangers' calls there is a count, and a line where they name somebody
/// (`SampleFailures`). A money call's first line is written by its transaction's own commit, so a crash leaves it too.
struct RecordCall: Sendable {
    /// What is known of a call when it ends.
    struct Ending: Sendable {
        /// Names it.
        let call: CallID
        /// The door it came in by.
        let door: Door
        /// The caller's address as the door saw it.
        let address: String?
        /// The arguments of a tool: as the caller gave them, then as they were checked.
        var arguments: JSON
        /// Who called, once that was known.
        var principal: Principal?
        /// The tool, once it was found.
        var tool: ToolDescriptor?
        /// The account that a tool's call is for, where it is for one.
        var account: AccountName?
        /// Whether the caller may not even know of the tool.
        var isHidden = false
        /// What was asked of the host itself, where it is no tool.
        let action: ActionRules?
        /// What is masked of the arguments; nil while nobody knows what must be.
        var sensitive: [JSONPointer]?
        /// Of which of it scheme, host and port are shown.
        var addresses: [JSONPointer] = []
        /// Whether it is an action that changes something.
        var changes = false
        /// The id of what an action made, changed or ended.
        var target: String?
        /// Whether an action was answered with what was done before, under the same key.
        var isReplayed = false
        /// The record it made or found.
        var record: RecordID?
        /// Whether it was answered with the record that an earlier call made.
        var isRepeat = false
        /// Whether it is counted in its record's commits: that of its first outcome.
        var isCountedByRecord = false
        /// What the line of its beginning said of its arguments, which the last one says too.
        fileprivate(set) var detail: String?
        /// What of a quota was taken as it began.
        var claim: QuotaClaim?
        /// How it was counted as it began, as a success.
        fileprivate(set) var counted: UsageRecord?

        /// Of a tool's call, of which nothing is known yet.
        init(_ call: ToolCall) {
            self.call = call.id
            door = call.door
            address = call.address
            arguments = call.arguments
            action = nil
        }

        /// Of a use of a host action, or of a credential that was only looked at.
        init(_ call: ActionCall, _ action: ActionRules?) {
            self.call = call.id
            door = call.door
            address = call.address
            arguments = .null
            self.action = action
        }

        /// Takes for counted what a change's own commit has written.
        mutating func note(_ written: ChangeLines) { counted = written.usage }

        /// Where it acts, once it is known who calls.
        var place: CallPlace? { principal.map { CallPlace($0.environment, account: account) } }

        /// What kind of caller it is of.
        fileprivate var caller: CallerKind? { principal?.kind(at: door) }

        /// What it counts as for quotas and prices.
        fileprivate var countedAs: String {
            if isRepeat || isReplayed { return Ceilings.Counted.read }
            // Its payments are counted one by one.
            if let tool, tool.items != nil { return Ceilings.Counted.administration }
            if let tool { return tool.annotations.movesMoney ? Ceilings.Counted.money : tool.bucket }
            return changes ? Ceilings.Counted.administration : action?.bucket ?? ""
        }

        /// What it counts as.
        fileprivate var name: String? { tool?.name ?? action?.name }
    }

    private let audit: any AuditRepository
    private let failures: SampleFailures
    private let metrics: CallMetrics
    private let entropy: Entropy
    private let logger: Logger
    private let detailBytesMax: Int

    /// Makes the stage.
    ///
    /// Masked arguments over `detailBytesMax` are left out of the audit.
    init(
        audit: any AuditRepository,
        failures: SampleFailures? = nil,
        metrics: CallMetrics,
        entropy: Entropy,
        logger: Logger,
        detailBytesMax: Int = 4096
    ) {
        self.audit = audit
        self.failures = failures ?? SampleFailures(audit: audit, entropy: entropy)
        self.metrics = metrics
        self.entropy = entropy
        self.logger = logger
        self.detailBytesMax = detailBytesMax
    }

    /// The line of a money call's beginning, which its transaction's own commit writes.
    func begun(_ ending: inout Ending) -> AuditRecord {
        let line = line(ending, outcome: .begun)
        ending.detail = line.detail
        return line
    }

    /// The audit line of a call.
    func line(
        _ ending: Ending,
        outcome: AuditRecord.Outcome,
        code: GatewayError.Code? = nil
    ) -> AuditRecord {
        AuditRecord(
            id: entropy.identifier(),
            organization: ending.principal?.organization,
            at: entropy.now(),
            call: ending.call,
            subject: ending.principal?.subjectText ?? "anonymous",
            action: ending.tool?.auditAction ?? ending.action?.auditAction ?? "TOOL_CALL",
            tool: ending.tool?.name,
            door: ending.door.rawValue,
            outcome: outcome,
            code: code?.rawValue,
            record: ending.record,
            environment: ending.principal?.environment,
            address: ending.address,
            detail: ending.detail ?? detail(of: ending)
        )
    }

    /// What a change adds to audit and usage as it begins, which its own commit writes.
    func lines(_ ending: Ending) -> ChangeLines {
        ChangeLines(audit: line(ending, outcome: .begun), usage: usage(of: ending, succeeded: true))
    }

    /// Writes, durably, what is about to be done, and counts it in the same commit: what a kill cuts off was done once, as
    /// far as anybody knows.
    ///
    /// - Parameter commit: Writes the two; appends them unless something else goes with them.
    func begin(
        _ ending: inout Ending,
        by commit: ((AuditRecord, [UsageRecord]) async throws(GatewayError) -> Void)? = nil
    ) async throws(GatewayError) {
        let begun = line(ending, outcome: .begun)
        let usage = usage(of: ending, succeeded: true)
        if let commit {
            try await commit(begun, usage.map { [$0] } ?? [])
        } else {
            try await audit.append([begun], usage: usage.map { [$0] } ?? [])
        }
        ending.counted = usage
    }

    /// Writes that what was begun and counted has failed, durably: it is a failure's count from then on.
    func end(
        begun ending: Ending,
        error: GatewayError,
        by commit: ((AuditRecord, [UsageRecord]) async throws(GatewayError) -> Void)? = nil
    ) async throws(GatewayError) {
        guard let counted = ending.counted, let failed = usage(of: ending, succeeded: false) else {
            return try end(ending, error: error)
        }
        tell(ending, error: error)
        let line = line(ending, error: error)
        if let commit { return try await commit(line, [counted.takenBack, failed]) }
        try await audit.append([line], usage: [counted.takenBack, failed])
    }

    /// Writes what became of a call that was refused: of what moves money durably, before anybody is told, so that what
    /// counts as money is counted exactly, whatever becomes of the process.
    ///
    /// It shares the commit of whatever else is written. What was refused before anything was looked at, for its rate or for
    /// whoever asked, must cost less than what it is refused: it waits for the next commit, as what only reads does.
    func end(refused ending: Ending, error: GatewayError) async throws(GatewayError) {
        guard ending.tool?.annotations.movesMoney == true, !ending.isCountedByRecord,
            !PaceRefusals.isRefusal(error.code),
            let usage = usage(of: ending, succeeded: false)
        else { return try end(ending, error: error) }
        tell(ending, error: error)
        try await audit.append([line(ending, error: error)], usage: [usage])
    }

    /// Writes what became of a call.
    ///
    /// A fault of the audit fails the call that it would have left out.
    func end(_ ending: Ending, error: GatewayError?) throws(GatewayError) {
        tell(ending, error: error)
        guard ending.principal != nil else {
            guard let error, let whom = error.attempted else { return }
            return failures.note(line(ending, naming: whom, code: error.code), naming: whom)
        }
        let isCounted = ending.counted != nil || ending.isCountedByRecord
        let usage = isCounted ? nil : usage(of: ending, succeeded: error == nil)
        try audit.enqueue(line(ending, error: error), usage: usage)
    }

    private func tell(_ ending: Ending, error: GatewayError?) {
        log(ending, error: error)
        metrics.count(door: ending.door, what: ending.name, error: error)
    }

    /// What a call adds to usage.
    private func usage(of ending: Ending, succeeded: Bool) -> UsageRecord? {
        guard let principal = ending.principal, let name = ending.name else { return nil }
        return UsageRecord(
            organization: principal.organization,
            environment: principal.environment,
            tool: name,
            counted: ending.countedAs,
            subject: principal.subjectText,
            caller: principal.kind(at: ending.door),
            account: ending.account,
            at: entropy.now(),
            succeeded: succeeded
        )
    }

    private func line(_ ending: Ending, error: GatewayError?) -> AuditRecord {
        let isFault = error?.code == .internalFault || error?.code == .pluginFailed || error?.code == .unavailable
        let outcome: AuditRecord.Outcome = error == nil ? .success : isFault ? .error : .failed
        return line(ending, outcome: outcome, code: error?.code)
    }

    /// The line of a call whose credential was refused, and whom it named.
    private func line(
        _ ending: Ending,
        naming whom: GatewayError.Attempted,
        code: GatewayError.Code
    ) -> AuditRecord {
        AuditRecord(
            id: entropy.identifier(),
            organization: whom.organization,
            at: entropy.now(),
            call: ending.call,
            // It was not proved that they called.
            subject: "anonymous",
            action: "CREDENTIAL_REFUSED",
            door: ending.door.rawValue,
            outcome: .failed,
            code: code.rawValue,
            address: ending.address,
            detail: JSON.object(["named": .string(whom.subject)]).text
        )
    }

    private func detail(of ending: Ending) -> String? {
        // Where nobody knows what must be masked, nothing is kept.
        guard let sensitive = ending.tool?.sensitive ?? ending.sensitive, ending.principal != nil else {
            return ending.caller == .agent ? RecordCall.agents.text : nil
        }
        var arguments = ending.arguments
        if var members = arguments.objectValue, members[CallSchemas.state] != nil || members[CallSchemas.input] != nil {
            // What a person answered is theirs, and the state is sealed.
            members[CallSchemas.state] = nil
            members[CallSchemas.input] = nil
            arguments = .object(members)
        }
        var shown = sensitive.isEmpty ? arguments : arguments.masking(sensitive, with: "•••")
        for place in ending.addresses {
            guard let known = arguments.value(at: place)?.stringValue.flatMap(BaseURL.masked) else { continue }
            shown = shown.masking([place], with: known)
        }
        let notes = notes(of: ending)
        // What callers send by these names is left out: the host alone says it.
        if notes.contains(where: { $0.value != nil || shown[$0.name] != nil }) {
            var members = shown.objectValue ?? JSONObject()
            for (name, value) in notes { members[name] = value }
            shown = .object(members)
        }
        let bytes = shown.bytes
        guard bytes.count > detailBytesMax else { return String(decoding: bytes, as: UTF8.self) }
        // What was too long to keep is known again by its digest.
        var short: JSONObject = [
            "$bytes": .integer(Int64(bytes.count)), "$sha256": .string(SHA256.digest(bytes).hexadecimal),
        ]
        for (name, value) in notes { short[name] = value }
        return JSON.object(short).text
    }

    /// What the host itself says of a call beside its arguments.
    private func notes(of ending: Ending) -> [(name: String, value: JSON?)] {
        [
            ("$target", ending.target.map { .string($0) }), ("$replayed", ending.isReplayed ? true : nil),
            (AuditRecord.callerMember, ending.caller == .agent ? .string(CallerKind.agent.rawValue) : nil),
            ("$issuer", ending.principal?.issued.map { .string($0.issuer) }),
            ("$issued_to", ending.principal?.issued.map { .string($0.subject) }),
        ]
    }

    private static let agents = JSON.object([AuditRecord.callerMember: .string(CallerKind.agent.rawValue)])

    private func log(_ ending: Ending, error: GatewayError?) {
        let level: Logger.Level = error?.code == .internalFault ? .error : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "call": "\(ending.call)", "door": "\(ending.door.rawValue)", "tool": "\(ending.name ?? "-")",
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
