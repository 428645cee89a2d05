import OrderedJSON

/// Organizations, people and keys as answers show them, with the schemas of it: never a secret, never a hash.
package enum DirectoryDocuments {
    private static let text: JSON = ["type": "string"]

    /// Of an organization.
    package static let organizationSchema: JSON = [
        "type": "object", "required": ["id", "name", "slug", "subscription_status", "subscription_plan"],
        "properties": [
            "id": text, "name": text, "slug": text,
            "subscription_status": ["enum": .array(Subscription.allCases.map { .string($0.rawValue) })],
            "subscription_plan": text, "is_active": ["type": "boolean"],
        ],
    ]

    /// An organization.
    package static func document(_ organization: Organization) -> JSON {
        [
            "id": .string(organization.id.description), "name": .string(organization.name),
            "slug": .string(organization.slug), "subscription_status": .string(organization.subscription.rawValue),
            "subscription_plan": .string(organization.plan), "is_active": .bool(organization.isActive),
        ]
    }

    /// Of a person.
    package static let userSchema: JSON = [
        "type": "object", "required": ["id", "username", "email", "role", "is_active"],
        "properties": [
            "id": text, "username": text, "email": text,
            "role": ["enum": .array(Role.allCases.map { .string($0.rawValue) })],
            "is_active": ["type": "boolean"], "version": ["type": "integer"], "organization": organizationSchema,
            "permissions": [
                "type": "object", "additionalProperties": ["type": "boolean"],
                "description":
                    "What older clients read: all of administrators, mpesa of everybody else. The role decides.",
            ],
        ],
    ]

    /// A person; with their organization where that is not plain from where it stands.
    package static func document(_ user: User, of organization: Organization? = nil) -> JSON {
        var document: JSONObject = [
            "id": .string(user.id.description), "username": .string(user.username), "email": .string(user.email),
            "role": .string(user.role.rawValue), "is_active": .bool(user.isActive),
            "version": .integer(Int64(user.version)),
            "permissions": user.role >= .orgAdmin ? ["all": true] : ["mpesa": true],
        ]
        document["organization"] = organization.map { self.document($0) }
        return .object(document)
    }
}
