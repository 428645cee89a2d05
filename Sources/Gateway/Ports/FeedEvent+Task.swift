import OrderedJSON

extension FeedEvent {
    /// How a task has ended: it does so once.
    ///
    /// Its account is told where it is about one alone, so that whoever is held to that is told of it.
    package static func about(_ task: PluginTask, as ending: PluginTask.Ending) -> FeedEvent {
        var payload: JSONObject = [
            "environment": .string(task.owner.environment.rawValue), "tool": .string(task.tool),
            "made_by": .string(task.begunBy.subjectText), "state": .string(ending.state.rawValue),
            "begun_ms": .integer(task.begunAt.milliseconds),
        ]
        if let accounts = task.purview.accounts, accounts.count == 1 {
            payload["account"] = accounts.first.map { .string($0.description) }
        }
        let kind: Kind
        switch ending.state {
        case .working, .completed: kind = .taskSucceeded
        case .cancelled: kind = .taskCancelled
        case .failed:
            kind = .taskFailed
            payload["code"] = ending.result["error"]?["code"]
        }
        return about(kind, of: task.owner.organization, task.id.description, version: 1, at: ending.at, payload)
    }
}
