import Gateway
import OrderedJSON

/// What is said of an account when it is set up: the same arguments wherever that is done.
enum AccountProfile {
    static let arguments: [(String, JSON)] = [
        (
            "business_short_code",
            [
                "type": "string", "pattern": "^[0-9]{5,7}$",
                "description": "Five to seven digits; for a till, its store number.",
            ]
        ),
        (
            "short_code_type",
            [
                "enum": ["paybill", "till", "payout"],
                "description": "A payout short code pays out and collects nothing.",
            ]
        ),
        (
            "till_number",
            ["type": "string", "pattern": "^[0-9]{5,7}$", "description": "The till: five to seven digits."]
        ),
        ("initiator_name", ["type": "string", "minLength": 1, "maxLength": 64]),
    ]

    /// Which account; the default one unless said.
    static let account: JSON = [
        "type": "string", "pattern": .string(AccountName.pattern),
        "description": "Small letters, digits and hyphens; never changes.",
    ]

    static func isNamed(in use: Action.Use) -> Bool { arguments.contains { use.text($0.0) != nil } }

    /// What plugins are told of an account from now on.
    static func changed(
        _ known: Profile?,
        _ use: Action.Use,
        _ environment: Environment
    ) throws(GatewayError) -> Profile {
        guard let shortCode = use.text("business_short_code") ?? known?.shortCode else {
            throw Administration.wrong("business_short_code", "the PayBill or store number, of five to seven digits")
        }
        var profile =
            known
            ?? Profile(
                environment: environment,
                shortCode: shortCode,
                shortCodeType: "paybill",
                organizationName: use.membership.organization.name
            )
        profile.shortCode = shortCode
        profile.tillNumber = use.text("till_number") ?? profile.tillNumber
        profile.shortCodeType =
            use.text("short_code_type") ?? (use.text("till_number") == nil ? profile.shortCodeType : "till")
        guard profile.shortCodeType != "till" || profile.tillNumber != nil else {
            throw Administration.wrong("till_number", "the till that customers see, because short_code_type is till")
        }
        if let name = use.text("initiator_name") {
            // Where the plugin of payouts looks for it: docs/operating.md.
            var settings = profile.settings["b2c"]?.objectValue ?? JSONObject()
            settings["initiator_name"] = .string(name)
            profile.settings["b2c"] = .object(settings)
        }
        return profile
    }

    static func document(_ profile: Profile?) -> JSONObject {
        var document = JSONObject()
        document["business_short_code"] = profile.map { .string($0.shortCode) }
        document["short_code_type"] = profile.map { .string($0.shortCodeType) }
        document["till_number"] = profile?.tillNumber.map { .string($0) }
        document["initiator_name"] = profile?.settings["b2c"]?["initiator_name"]
        return document
    }
}

extension Action.Use {
    /// The environment among the arguments, by its name or Safaricom's address, or the caller's.
    var askedEnvironment: Environment {
        if let named = text("environment").flatMap(Environment.init(rawValue:)) { return named }
        let address = text("base_url")
        return Environment.allCases.first { $0.baseURL == address } ?? principal.environment
    }

    /// The account among the arguments.
    func account(_ name: String = AccountName.argument) -> AccountName? { text(name).flatMap { AccountName($0) } }
}

extension Environment {
    /// Safaricom's address, by which older clients name the environment.
    ///
    /// Source: Daraja 3.0 portal, Authorization.
    var baseURL: String {
        switch self {
        case .test: "https://sandbox.safaricom.co.ke"
        case .live: "https://api.safaricom.co.ke"
        }
    }
}
