import Gateway

extension Store {
    package func wrappedKeys(
        notBy masterKeyID: String,
        limit: Int
    ) async throws(GatewayError) -> [(organization: OrganizationID, key: WrappedKey)] {
        try await read { sql in
            try sql.query(
                """
                SELECT organization_id, version, master_key_id, wrapped FROM data_keys
                WHERE master_key_id <> $1 LIMIT $2
                """,
                [.text(masterKeyID), .integer(Int64(max(1, limit)))]
            ) { row in
                guard let organization = row.text(0).flatMap({ OrganizationID($0) }) else {
                    throw SQLError(message: "a data key is damaged")
                }
                let key = WrappedKey(
                    version: Int(row.integer(1) ?? 0),
                    masterKeyID: row.text(2) ?? "",
                    bytes: row.bytes(3) ?? []
                )
                return (organization, key)
            }
        }
    }

    package func countWrappedKeys(notBy masterKeyID: String) async throws(GatewayError) -> Int {
        try await read { sql in
            try sql.first(
                "SELECT COUNT(organization_id) FROM data_keys WHERE master_key_id <> $1",
                [.text(masterKeyID)]
            ) { Int($0.integer(0) ?? 0) } ?? 0
        }
    }

    package func rewrap(_ changes: [Rewrapping]) async throws(GatewayError) {
        try await change(conflict: "The data keys are being changed.") { sql in
            for change in changes {
                try sql.execute(
                    """
                    UPDATE data_keys SET master_key_id = $1, wrapped = $2
                    WHERE organization_id = $3 AND version = $4 AND master_key_id = $5
                    """,
                    [
                        .text(change.new.masterKeyID), .bytes(change.new.bytes),
                        .text(change.organization.description), .integer(Int64(change.old.version)),
                        .text(change.old.masterKeyID),
                    ]
                )
            }
        }
    }
}
