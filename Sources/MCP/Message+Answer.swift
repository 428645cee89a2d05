import Gateway
import OrderedJSON

extension Message {
    /// The answer to a question that was asked before; nil where there is none.
    func questionReply() throws(MCPError) -> QuestionReply? {
        let (state, answers) = (params["requestState"] ?? .null, params["inputResponses"] ?? .null)
        if state.isNull, answers.isNull { return nil }
        guard let state = state.stringValue, let answer = answers[Message.questionKey],
            let action = answer["action"]?.stringValue
        else { throw .invalidParams("requestState and inputResponses.\(Message.questionKey) belong together") }
        let content = answer["content"] ?? .object(JSONObject())
        guard ["accept", "decline", "cancel"].contains(action), content.objectValue != nil else {
            throw .invalidParams(
                "inputResponses.\(Message.questionKey): action must be accept, decline or cancel, and content an object"
            )
        }
        return QuestionReply(action: action, content: content, state: state)
    }
}
