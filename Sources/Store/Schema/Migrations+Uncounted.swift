extension Migrations {
    /// Failed log-ins are told by the audit and bounded in memory: nobody read the count, and writing it told by the time
    /// that it took whether there is such a user.
    static let uncounted = [
        "ALTER TABLE users DROP COLUMN failed_logins", "ALTER TABLE users DROP COLUMN locked_until_ms",
    ]
}
