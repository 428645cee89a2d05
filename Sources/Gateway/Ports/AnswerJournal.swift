/// Where M-Pesa's answers and callbacks go when the store cannot take them: beside the store, durable, and few.
///
/// Implemented by `Store.AnswerFolder`. What is in it is put into the callback inbox once the store is back, and there
/// applied like everything else that M-Pesa says.
package protocol AnswerJournal: Sendable {
    /// Keeps an answer. Returns once it is durable; false when it could not be kept.
    func keep(_ answer: ReceivedCallback) async -> Bool
    /// What is kept, oldest first: all, or as much as is read at once.
    func entries() async -> [ReceivedCallback]
    /// Forgets an answer that the store has.
    func remove(_ id: CallbackID) async
}
