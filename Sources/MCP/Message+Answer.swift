import Gateway
import OrderedJSON

extension Message {
    /// The answer to a question that was asked before; nil where there is none.
    func questionReply() throws(MCPError) -> QuestionReply? {
        let (state, answers) = (params["requestState"] ?? .null, params["inputResponses"] ?? .null)
        if state.isNull, answers.isNull { return nil }
        guard let state = state.stringValue, let answer = answers[Message.questionKey], answer["action"] != nil else {
            throw .invalidParams("requestState and inputResponses.\(Message.questionKey) belong together")
        }
        guard let reply = QuestionReply(answer, to: state) else {
            throw .invalidParams(
                "inputResponses.\(Message.questionKey): action must be accept, decline or cancel, and content an object"
            )
        }
        return reply
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
}
