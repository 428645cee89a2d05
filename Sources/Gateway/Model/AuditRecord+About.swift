extension AuditRecord {
    /// The line with the record that it is about.
    func about(_ record: RecordID) -> AuditRecord {
        AuditRecord(
            id: id,
            organization: organization,
            at: at,
            call: call,
            subject: subject,
            action: action,
            tool: tool,
            door: door,
            outcome: outcome,
            code: code,
            record: record,
            environment: environment,
            address: address,
            detail: detail
        )
    }
}
