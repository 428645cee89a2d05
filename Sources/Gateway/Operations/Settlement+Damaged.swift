// What may become of a record of which the store cannot read a part: it ends, and nothing else.
extension Settlement {
    /// Why it does not leave, for people.
    static let damaged = "Part of what the store holds of it can no longer be read, so it is never sent."

    static func isDamaged(_ record: Record) -> GatewayError {
        GatewayError(
            .conflict,
            """
            Part of what the store holds of this transaction can no longer be read: it is never sent, and nothing is decided by \
            it. Whoever runs the gateway has a backup.
            """,
            record: record.id
        )
    }

    /// What is damaged never leaves, and what has ended stays as it is: writing it anew would lose what it still holds.
    static func check(_ move: Move) throws(GatewayError) {
        guard move.before.isDamaged else { return }
        switch move.step.record.state {
        case .draft, .released, .created, .sending: throw isDamaged(move.before)
        case .accepted, .unknown, .reconciling, .manual, .succeeded, .failed, .cancelled, .expired, .rejected,
            .reversed, .withdrawn, .noAnswer:
            // One of which the state itself is lost may have ended, and be counted.
            if move.before.state.isEnded || move.before.endedAt != nil { throw isDamaged(move.before) }
        }
    }
}
