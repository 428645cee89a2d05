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
}
