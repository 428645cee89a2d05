import Gateway
import OrderedJSON

extension Message {
    /// The answers to what was asked before; nil where there are none.
    ///
    /// Which of them are missing, and which were never asked for, knows whoever opens the state.
    func questionReply() throws(MCPError) -> QuestionReply? {
        let (state, answers) = (params["requestState"] ?? .null, params["inputResponses"] ?? .null)
        guard answers.isNull || answers.objectValue != nil else {
            throw .invalidParams("inputResponses must be an object, with an answer to each question by its name")
        }
        let given = answers.objectValue ?? JSONObject()
        if state.isNull, given.isEmpty { return nil }
        guard let state = state.stringValue else {
            throw .invalidParams(
                "requestState must be the text that came with the questions that inputResponses answer"
            )
        }
        return QuestionReply(each: given, state: state)
    }
}

extension QuestionReply {
    /// What was said to what was asked one after another, as one: it is accepted where all of it is.
    init(_ words: [(name: String?, word: QuestionWord)], to state: String) {
        let alone = words.count == 1 && words[0].name == nil ? words[0].word.content : nil
        let all = JSONObject(words.compactMap { entry in entry.name.map { ($0, entry.word.content) } })
        let whole = QuestionWord(action: "accept", content: alone ?? .object(all))
        let said = QuestionWord.refusal(among: words.map(\.word)) ?? whole
        self.init(action: said.action, content: said.content, state: state)
    }

    /// Whether all of it is accepted.
    var isAccepted: Bool { if case .once(let word) = said { word.action == "accept" } else { false } }
}
