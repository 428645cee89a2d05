import Cryptography
import Gateway
import OrderedJSON
import Store

extension House {
    /// Another organization, which calls with a key of its own.
    func neighbour(_ slug: String = "bakery") async throws -> APIKeyText {
        let entropy = clock.entropy
        let their = OrganizationID(entropy.identifier())
        let key = APIKeyText(
            environment: self.key.environment,
            organization: their,
            id: APIKeyID(entropy.identifier()),
            secret: [UInt8](repeating: 4, count: 20)
        )
        try await store.save(Organization(id: their, slug: slug, name: slug, plan: "all"))
        try await store.save(
            Profile(
                environment: key.environment,
                shortCode: "174380",
                shortCodeType: "paybill",
                organizationName: slug
            ),
            organization: their
        )
        try await store.save(
            APIKey(
                id: key.id,
                organization: their,
                name: "k",
                prefix: key.prefix,
                hash: SHA256.digest(Array(key.text.reveal().utf8)).bytes,
                environment: key.environment,
                role: .manager,
                scopes: nil
            )
        )
        return key
    }

    /// Calls a tool with another key.
    func call(
        _ tool: String,
        _ arguments: JSON,
        as key: APIKeyText,
        key idempotency: String? = nil
    ) async -> ToolReply {
        await pipeline.serve(
            ToolCall(
                id: CallID(clock.entropy.identifier()),
                door: .rest,
                credential: .token(key.text),
                tool: tool,
                arguments: arguments,
                idempotencyKey: idempotency
            )
        )
    }
}

extension Store {
    /// The records of a house's organization.
    func records(matching filter: RecordFilter, of house: House) async throws -> [Record] {
        try await records(
            matching: filter,
            organization: house.organization,
            environment: house.key.environment
        )
    }
}
