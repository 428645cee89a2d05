import Gateway

/// What an attempt means for its delivery and for its endpoint: pure, so that days of it are tested in no time.
package struct WebhookJudge: Sendable {
    /// What came of an attempt.
    package struct Found: Sendable {
        /// When it began.
        package let at: Timestamp
        /// When it ended.
        package let endedAt: Timestamp
        /// How it ended.
        package let outcome: WebhookOutcome

        /// States it.
        package init(at: Timestamp, endedAt: Timestamp, outcome: WebhookOutcome) {
            self.at = at
            self.endedAt = endedAt
            self.outcome = outcome
        }

        /// Whether the receiver took it.
        package var isTaken: Bool {
            guard case .answered(let status, _, _) = outcome else { return false }
            return (200..<300).contains(status)
        }

        /// Whether there is nobody any more.
        var isGone: Bool {
            guard case .answered(410, _, _) = outcome else { return false }
            return true
        }
    }

    let settings: WebhookSettings

    /// Judges by settings.
    package init(settings: WebhookSettings) { self.settings = settings }

    /// A delivery after an attempt.
    ///
    /// - Parameter chance: From 0 to 1, for the jitter.
    package func delivery(_ before: WebhookDelivery, after found: Found, chance: Double) -> WebhookDelivery {
        var next = before
        next.tries += 1
        next.at = found.endedAt
        next.attempts.append(attempt(found, isReplay: before.isReplay))
        next.attempts.removeFirst(max(0, next.attempts.count - WebhookDelivery.attemptsMax))
        next.dueAt = nil
        if found.isTaken {
            next.state = .delivered
        } else if next.tries > settings.schedule.count || found.isGone || before.kind == .webhookTest {
            next.state = .givenUp
        } else {
            let factor = 1 + settings.jitter * (2 * chance - 1)
            let pause = max(settings.schedule[next.tries - 1] * factor, retryAfter(found) ?? .zero)
            next.state = .waiting
            next.dueAt = found.endedAt + pause
        }
        return next
    }

    private func attempt(_ found: Found, isReplay: Bool) -> WebhookAttempt {
        let milliseconds = max(0, found.endedAt.milliseconds - found.at.milliseconds)
        switch found.outcome {
        case .answered(let status, let beginning, _):
            return WebhookAttempt(
                at: found.at,
                milliseconds: milliseconds,
                status: status,
                fault: nil,
                beginning: beginning,
                isReplay: isReplay
            )
        case .failed(let fault):
            return WebhookAttempt(
                at: found.at,
                milliseconds: milliseconds,
                status: nil,
                fault: fault,
                beginning: [],
                isReplay: isReplay
            )
        case .busy:
            return WebhookAttempt(
                at: found.at,
                milliseconds: milliseconds,
                status: nil,
                fault: "busy",
                beginning: [],
                isReplay: isReplay
            )
        }
    }

    /// For how long the receiver wants to be left alone.
    private func retryAfter(_ found: Found) -> Duration? {
        guard case .answered(_, _, let wish?) = found.outcome else { return nil }
        return min(wish, settings.retryAfterMax)
    }

    /// How an endpoint does after an attempt that was nobody's wish.
    package func progress(_ before: WebhookProgress, after found: Found) -> WebhookProgress {
        var next = WebhookProgress(place: before.place)
        guard !found.isTaken else { return next }
        next.failures = before.failures + 1
        next.failingSince = before.failingSince ?? found.at
        next.noticedAt = before.noticedAt
        let over = next.failures - settings.failuresMax
        if over >= 0 {
            let pause = settings.pauseMin * (1 << min(over, 20))
            next.pausedUntil = found.endedAt + min(pause, settings.pauseMax)
        }
        // Who says so is left alone altogether, not by this event alone.
        if case .answered(let status, _, _) = found.outcome, [429, 502, 503, 504].contains(status),
            let wish = retryAfter(found)
        {
            next.pausedUntil = max(next.pausedUntil ?? found.endedAt, found.endedAt + wish)
        }
        return next
    }

    /// Whether an endpoint is to be switched off after an attempt that was nobody's wish, and why.
    package func off(_ progress: WebhookProgress, after found: Found) -> WebhookEndpoint.Off? {
        if found.isGone { return .gone }
        guard let since = progress.failingSince, found.endedAt - since >= settings.offAfter else { return nil }
        return .failing
    }

    /// Whether people are to be told now that nothing arrives.
    package func isNoticed(_ progress: WebhookProgress, at now: Timestamp) -> Bool {
        guard let since = progress.failingSince, progress.noticedAt == nil else { return false }
        return now - since >= settings.noticeAfter
    }
}
