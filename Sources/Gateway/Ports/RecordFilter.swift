/// Which records a list holds.
package struct RecordFilter: Sendable, Equatable {
    /// Of this class; nil for both.
    package var recordClass: RecordClass?
    /// In the states with this organization's word; nil for all.
    package var status: String?
    /// Of this operation kind.
    package var operation: String?
    /// With this other side.
    package var party: String?
    /// Asked for by this subject; nil for anybody of the organization.
    package var madeBy: String?
    /// Of one of these accounts; nil for any.
    package var accounts: Set<AccountName>?
    /// Whose money goes this way.
    package var direction: OperationDirection?
    /// With this reference of the organization's own.
    package var reference: String?
    /// With this receipt of M-Pesa's.
    package var receipt: String?
    /// Of at least so many shillings.
    package var amountMin: Int64?
    /// Of at most so many shillings.
    package var amountMax: Int64?
    /// Committed at or after this.
    package var from: Timestamp?
    /// Committed before this.
    package var until: Timestamp?
    /// Older than the record with this id: where the previous page ended.
    package var before: RecordID?
    /// At most so many.
    ///
    /// At least 1.
    package var limit: Int

    /// Makes a filter that holds the newest records.
    package init(limit: Int) { self.limit = limit }
}
