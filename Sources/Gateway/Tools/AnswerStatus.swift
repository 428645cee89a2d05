/// What a plugin's functions answer with: the statuses of `gateway/base.h`, by their names there.
///
/// A test holds both to the same numbers.
package enum AnswerStatus: Int32, Sendable, CaseIterable {
    case ok = 0
    case accepted = 1
    case inputRequired = 2
    case invalidArgument = 10
    case unauthenticatedUpstream = 11
    case permissionDenied = 12
    case notFound = 13
    case conflict = 14
    case rateLimited = 15
    case upstreamRejected = 16
    case upstreamUnavailable = 17
    case outcomeUnknown = 18
    case cancelled = 19
    case deadline = 20
    case notSupported = 21
    case `internal` = 22
    case tooLarge = 23
    case alreadyCompleted = 24
    case unknownInvocation = 25

    /// What a caller is told of a call whose plugin says no more than its status, and what to do.
    static func sentence(_ status: Int32, of tool: String) -> String {
        switch AnswerStatus(rawValue: status) {
        case .invalidArgument: "\(tool) does not take these arguments, and does not say which. Look at its schema."
        case .unauthenticatedUpstream, .permissionDenied:
            "\(tool) was not let in where it asked. An administrator must check the organization's credentials."
        case .notFound: "\(tool) found nothing by what it was given. Check the ids, and the environment."
        case .conflict: "Something stands in the way of \(tool). Look at what there is before you ask again."
        case .outcomeUnknown: "Nobody knows whether \(tool) has done this. Look whether it has before you ask again."
        case .rateLimited: "\(tool) is asked too often. Wait, and ask again."
        case .upstreamRejected: "\(tool) was refused where it asked; nothing was done."
        case .upstreamUnavailable: "\(tool) reached nobody where it asked. Try again in a moment."
        case .cancelled: "\(tool) was cancelled."
        case .deadline: "\(tool) took longer than it may. Ask for less, or try again later."
        case .notSupported: "\(tool) cannot do this."
        case .tooLarge: "\(tool) was given, or would answer, more than it may. Ask for less."
        default: "\(tool) failed (status \(status)). Quote the request id to whoever runs this gateway."
        }
    }
}
