import Gateway
import OrderedJSON

/// Tasks: work of tools that goes on after its call was answered.
extension Store {
    /// All but what may be long.
    private static let taskHead = """
        organization_id, task_id, environment, plugin, tool, principal, made_by, maker, accounts, call_key, fingerprint,
        begun_ms, until_ms, state, attempt, due_ms, progress, message, updated_ms, ended_ms, expires_ms
        """
    private static let taskColumns = taskHead + ", arguments, result"
    /// Of those whose moment has come, no more is read than is needed to take one.
    private static let briefly = taskHead + ", '{}', NULL"

    package func begin(_ task: PluginTask, bounds: PluginTask.Bounds) async throws(GatewayError) -> PluginTask {
        let owner = task.owner
        let place: [SQLValue] = [.text(owner.organization.description), .text(owner.environment.rawValue)]
        return try await write { session in
            if let key = task.key {
                let earlier = try session.sql.first(
                    """
                    SELECT \(Store.taskColumns) FROM tasks
                    WHERE organization_id = $1 AND environment = $2 AND call_key = $3
                    """,
                    place + [.text(key)],
                    Store.task
                )
                if let earlier {
                    guard let expiresAt = earlier.expiresAt, expiresAt <= task.begunAt else { return earlier }
                    try session.sql.execute(
                        "DELETE FROM tasks WHERE organization_id = $1 AND task_id = $2",
                        [.text(owner.organization.description), .text(earlier.id.description)]
                    )
                }
            }
            let counts = try session.sql.first(
                """
                SELECT COUNT(*), COUNT(due_ms) FROM tasks
                WHERE organization_id = $1 AND environment = $2 AND (expires_ms IS NULL OR expires_ms > $3)
                """,
                place + [.integer(task.begunAt.milliseconds)]
            ) { (kept: Int($0.integer(0) ?? 0), open: Int($0.integer(1) ?? 0)) }
            guard counts?.open ?? 0 < bounds.openMax else {
                throw GatewayError(
                    .limitExceeded,
                    "\(bounds.openMax) tasks go on, and no more may be begun. Wait for one to end, or cancel one."
                )
            }
            guard counts?.kept ?? 0 < bounds.keptMax else {
                throw GatewayError(.limitExceeded, "At most \(bounds.keptMax) tasks are kept; the oldest ones expire.")
            }
            try session.sql.execute(
                """
                INSERT INTO tasks (organization_id, task_id, environment, plugin, tool, principal, made_by, maker,
                    accounts, call_key, fingerprint, begun_ms, until_ms, state, attempt, due_ms, progress, message,
                    updated_ms, arguments)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
                """,
                Store.values(task)
            )
            return task
        }
    }

    private static func values(_ task: PluginTask) -> [SQLValue] {
        [
            .text(task.owner.organization.description), .text(task.id.description),
            .text(task.owner.environment.rawValue), .text(task.owner.plugin), .text(task.tool),
            .text(String(decoding: PrincipalCoding.json(task.begunBy).bytes, as: UTF8.self)),
            .text(task.begunBy.subjectText), .optional(task.purview.maker),
            .optional(Store.text(of: task.purview.accounts)), .optional(task.key), .text(task.fingerprint),
            .integer(task.begunAt.milliseconds), .integer(task.endsBy.milliseconds), .text(task.state.rawValue),
            .integer(Int64(task.attempt)), .optional(task.dueAt?.milliseconds),
            .integer(Int64(task.progress.fraction)), .text(task.progress.message),
            .integer(task.updatedAt.milliseconds), .text(String(decoding: task.arguments, as: UTF8.self)),
        ]
    }

    private static func task(_ row: any SQLRow) throws -> PluginTask {
        guard let organization = OrganizationID(row.text(0) ?? ""), let id = Identifier(row.text(1) ?? ""),
            let environment = Gateway.Environment(rawValue: row.text(2) ?? ""),
            let state = PluginTask.State(rawValue: row.text(13) ?? ""),
            let principal = PrincipalCoding.principal(
                try JSON(parsing: row.text(5) ?? "{}"),
                organization: organization,
                environment: environment
            )
        else { throw SQLError(message: "a task's row is damaged") }
        let moment = { (column: Int) in row.integer(column).map { Timestamp(milliseconds: $0) } }
        return PluginTask(
            id: id,
            owner: PluginOwner(organization: organization, environment: environment, plugin: row.text(3) ?? ""),
            tool: row.text(4) ?? "",
            arguments: Array((row.text(21) ?? "{}").utf8),
            begunBy: principal,
            purview: Purview(maker: row.text(7), accounts: Store.accounts(in: row.text(8))),
            key: row.text(9),
            fingerprint: row.text(10) ?? "",
            begunAt: moment(11) ?? Timestamp(milliseconds: 0),
            endsBy: moment(12) ?? Timestamp(milliseconds: 0),
            state: state,
            attempt: Int(row.integer(14) ?? 0),
            dueAt: moment(15),
            progress: .init(fraction: Int(row.integer(16) ?? 0), message: row.text(17) ?? ""),
            updatedAt: moment(18) ?? Timestamp(milliseconds: 0),
            endedAt: moment(19),
            expiresAt: moment(20),
            result: try row.text(22).map { try JSON(parsing: $0) }
        )
    }

    // MARK: Reading

    package func task(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Gateway.Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginTask? {
        try await oneTask("task_id", id.description, organization, environment, now)
    }

    package func task(
        begunBy key: String,
        organization: OrganizationID,
        environment: Gateway.Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginTask? {
        try await oneTask("call_key", key, organization, environment, now)
    }

    private func oneTask(
        _ column: String,
        _ value: String,
        _ organization: OrganizationID,
        _ environment: Gateway.Environment,
        _ now: Timestamp
    ) async throws(GatewayError) -> PluginTask? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(Store.taskColumns) FROM tasks
                WHERE organization_id = $1 AND environment = $2 AND \(column) = $3
                    AND (expires_ms IS NULL OR expires_ms > $4)
                """,
                [
                    .text(organization.description), .text(environment.rawValue), .text(value),
                    .integer(now.milliseconds),
                ],
                Store.task
            )
        }
    }

    package func tasks(
        of organization: OrganizationID,
        in environment: Gateway.Environment,
        before: Identifier?,
        limit: Int,
        now: Timestamp
    ) async throws(GatewayError) -> [PluginTask] {
        let rows = try await read { sql in
            try Store.filling(limit) { (below: String?, limit: Int) -> [(row: Reading<PluginTask>, place: String)] in
                try sql.query(
                    """
                    SELECT \(Store.briefly) FROM tasks
                    WHERE organization_id = $1 AND environment = $2 AND (expires_ms IS NULL OR expires_ms > $3)
                        AND task_id < $4
                    ORDER BY task_id DESC LIMIT $5
                    """,
                    [
                        .text(organization.description), .text(environment.rawValue), .integer(now.milliseconds),
                        .text(below ?? before?.description ?? "~"), .integer(Int64(limit)),
                    ]
                ) { (row: Reading($0, Store.task), place: $0.text(1) ?? "") }
            }
        }
        return readable("task", rows)
    }

    /// How many organizations, and how many plugins, can be left out of one reading.
    private static let busyTasksMax = (organizations: 32, plugins: 8)

    package func dueTasks(
        at now: Timestamp,
        limit: Int,
        except busy: BusyTasks
    ) async throws(GatewayError) -> [PluginTask] {
        var values: [SQLValue] = [.integer(now.milliseconds)]
        var clause = ""
        if busy != BusyTasks() {
            let organizations = busy.organizations.map(\.description)
            clause = """
                AND organization_id NOT IN (\(values.places(organizations, Self.busyTasksMax.organizations)))
                AND plugin NOT IN (\(values.places(Array(busy.plugins), Self.busyTasksMax.plugins)))
                """
        }
        values.append(.integer(Int64(limit)))
        let (condition, bound) = (clause, values)
        let rows = try await read { sql in
            try sql.query(
                """
                SELECT \(Store.briefly) FROM tasks WHERE due_ms <= $1 \(condition) ORDER BY due_ms LIMIT $\(bound.count)
                """,
                bound
            ) { Reading($0, Store.task) }
        }
        return await readableDue(
            "task",
            rows,
            at: now,
            puttingOff: """
                UPDATE tasks SET due_ms = $1 WHERE organization_id = $2 AND task_id = $3 AND due_ms <= $4
                """
        )
    }

    package func isUnderWay(_ task: PluginTask) async throws(GatewayError) -> Bool {
        try await read { sql in
            try sql.first(
                """
                SELECT attempt FROM tasks
                WHERE organization_id = $1 AND task_id = $2 AND attempt = $3 AND due_ms IS NOT NULL
                """,
                Store.attempt(task)
            ) { _ in true } ?? false
        }
    }

    private static func attempt(_ task: PluginTask) -> [SQLValue] {
        [.text(task.owner.organization.description), .text(task.id.description), .integer(Int64(task.attempt))]
    }

    // MARK: Working

    package func take(_ task: PluginTask, until: Timestamp) async throws(GatewayError) -> PluginTask? {
        guard let due = task.dueAt else { return nil }
        let place: [SQLValue] = [.text(task.owner.organization.description), .text(task.id.description)]
        return try await write { session in
            // Whoever moves the time on has the task; another that saw it too changes nothing.
            let count = try session.sql.execute(
                """
                UPDATE tasks SET due_ms = $1 WHERE organization_id = $2 AND task_id = $3 AND due_ms = $4
                """,
                [.integer(until.milliseconds)] + place + [.integer(due.milliseconds)]
            )
            guard count == 1 else { return nil }
            return try session.sql.first(
                "SELECT \(Store.taskColumns) FROM tasks WHERE organization_id = $1 AND task_id = $2",
                place,
                Store.task
            )
        }
    }

    package func countAttempt(of task: PluginTask) async throws(GatewayError) -> PluginTask? {
        guard let due = task.dueAt else { return nil }
        let isCounted = try await write { session in
            // Where another has taken it since, the time has moved on.
            try session.sql.execute(
                """
                UPDATE tasks SET attempt = attempt + 1
                WHERE organization_id = $1 AND task_id = $2 AND attempt = $3 AND due_ms = $4
                """,
                Store.attempt(task) + [.integer(due.milliseconds)]
            ) == 1
        }
        guard isCounted else { return nil }
        var counted = task
        counted.attempt += 1
        return counted
    }

    package func renew(
        _ task: PluginTask,
        until: Timestamp,
        progress: PluginTask.Progress,
        at now: Timestamp
    ) async throws(GatewayError) -> Bool {
        try await write { session in
            try session.sql.execute(
                """
                UPDATE tasks SET due_ms = $1, progress = $2, message = $3, updated_ms = $4
                WHERE organization_id = $5 AND task_id = $6 AND attempt = $7 AND due_ms IS NOT NULL
                """,
                [
                    .integer(until.milliseconds), .integer(Int64(progress.fraction)), .text(progress.message),
                    .integer(now.milliseconds),
                ] + Store.attempt(task)
            ) == 1
        }
    }

    package func postpone(_ task: PluginTask, to due: Timestamp, attempts: Int) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                """
                UPDATE tasks SET due_ms = $1, attempt = $2
                WHERE organization_id = $3 AND task_id = $4 AND attempt = $5 AND due_ms IS NOT NULL
                """,
                [.integer(due.milliseconds), .integer(Int64(attempts))] + Store.attempt(task)
            )
        }
    }

    package func end(
        _ task: PluginTask,
        as ending: PluginTask.Ending,
        anyAttempt: Bool
    ) async throws(GatewayError) -> Bool {
        var values: [SQLValue] = [
            .text(ending.state.rawValue), .text(String(decoding: ending.result.bytes, as: UTF8.self)),
            .integer(ending.at.milliseconds), .integer(ending.at.milliseconds),
            .integer(ending.expiresAt.milliseconds), .text(task.owner.organization.description),
            .text(task.id.description),
        ]
        if !anyAttempt { values.append(.integer(Int64(task.attempt))) }
        let (all, condition) = (values, anyAttempt ? "" : "AND attempt = $8")
        return try await write { session in
            let count = try session.sql.execute(
                """
                UPDATE tasks SET due_ms = NULL, state = $1, result = $2, ended_ms = $3, updated_ms = $4, expires_ms = $5
                WHERE organization_id = $6 AND task_id = $7 AND due_ms IS NOT NULL \(condition)
                """,
                all
            )
            guard count == 1 else { return false }
            session.tell([FeedEvent.about(task, as: ending)])
            return true
        }
    }

    package func removeExpiredTasks(at now: Timestamp) async throws(GatewayError) {
        // A hundred at a time, so that nobody waits long for the transaction, until none is left.
        while !Task.isCancelled {
            let expired = try await read { sql in
                try sql.query(
                    "SELECT organization_id, task_id FROM tasks WHERE expires_ms <= $1 LIMIT 100",
                    [.integer(now.milliseconds)]
                ) { ($0.text(0) ?? "", $0.text(1) ?? "") }
            }
            guard !expired.isEmpty else { return }
            try await write { session in
                for (organization, task) in expired {
                    try session.sql.execute(
                        "DELETE FROM tasks WHERE organization_id = $1 AND task_id = $2",
                        [.text(organization), .text(task)]
                    )
                }
            }
            guard expired.count == 100 else { return }
        }
    }
}
