import Gateway
import OrderedJSON

extension Message {
    /// The answer to a question that was asked before; nil where there is none.
    func questionReply() throws(MCPError) -> QuestionReply? {
        let (state, answers) = (params["requestState"] ?? .null, params["inputResponses"] ?? .null)
        if state.isNull, answers.isNull { return nil }
        // What was not asked is passed over, beside the one question that was, too.
        let alone = answers[Question.aloneName].map { [(String?.none, $0)] }
        let given = alone ?? answers.objectValue?.map { (Optional($0.key), $0.value) } ?? []
        guard let state = state.stringValue, !given.isEmpty else {
            throw .invalidParams("requestState and inputResponses belong together, with an answer to each question")
        }
        var replies: [(name: String?, reply: QuestionReply)] = []
        for (name, answer) in given {
            guard let reply = QuestionReply(answer, to: state) else {
                // Perhaps nobody asked it: what was asked is missed when the answer is held to its schema.
                guard name == nil else { continue }
                let place = "inputResponses.\(Question.aloneName)"
                throw .invalidParams("\(place): action must be accept, decline or cancel, and content an object")
            }
            replies.append((name, reply))
        }
        return QuestionReply(replies, to: state)
    }
}

extension QuestionReply {
    /// A client's answer as it comes; nil for what is not of its form.
    init?(_ answer: JSON, to state: String) {
        let content = answer["content"].flatMap { $0.isNull ? nil : $0 } ?? .object(JSONObject())
        guard let action = answer["action"]?.stringValue, ["accept", "decline", "cancel"].contains(action),
            content.objectValue != nil
        else { return nil }
        self.init(action: action, content: content, state: state)
    }

    /// The answers to what was asked together, as one: it is accepted where each of them is.
    init(_ replies: [(name: String?, reply: QuestionReply)], to state: String) {
        let refusal = ["decline", "cancel"].first { action in replies.contains { $0.reply.action == action } }
        let content: JSON? = replies.count == 1 && replies[0].name == nil ? replies[0].reply.content : nil
        let all = JSONObject(replies.compactMap { entry in entry.name.map { ($0, entry.reply.content) } })
        self.init(action: refusal ?? "accept", content: content ?? .object(all), state: state)
    }
}
