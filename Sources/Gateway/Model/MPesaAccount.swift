import OrderedJSON

/// Names one of an organization's M-Pesa accounts within an environment; it never changes.
///
/// `[a-z0-9][a-z0-9-]{0,31}`: what people choose, callers say, and records keep.
package struct AccountName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The text of it.
    package let description: String

    /// The account that an organization has first, unless it chooses another name.
    package static let main = AccountName(unchecked: "main")
    /// The argument by which a call names one.
    package static let argument = "account"
    /// What a name looks like, for schemas.
    package static let pattern = "^[a-z0-9][a-z0-9-]{0,31}$"

    /// The same in words, for whoever wrote another.
    package static let form = "Small letters, digits and hyphens; at most 32."
    /// The schema of a name, and what it is of.
    package static func schema(_ description: String) -> JSON {
        ["type": "string", "pattern": .string(pattern), "description": .string("\(description) \(form)")]
    }

    private init(unchecked text: String) { description = text }

    /// Reads a name; nil for what is none.
    package init?(_ text: String) {
        let isOwn = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = text.utf8.first, isOwn(first), text.utf8.count <= 32,
            text.utf8.allSatisfy({ isOwn($0) || $0 == UInt8(ascii: "-") })
        else { return nil }
        description = text
    }

    /// Orders by text.
    package static func < (left: AccountName, right: AccountName) -> Bool { left.description < right.description }
}

/// One of all organizations' accounts: whose requests share a line.
package struct AccountID: Hashable, Sendable {
    /// Whose it is.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// Which of the organization's.
    package let name: AccountName

    /// Names an account.
    package init(organization: OrganizationID, environment: Environment, name: AccountName = .main) {
        self.organization = organization
        self.environment = environment
        self.name = name
    }

    /// The account of a record.
    package init(of record: Record) {
        self.init(organization: record.organization, environment: record.environment, name: record.accountName)
    }
}

/// One of an organization's M-Pesa accounts in one environment: a PayBill, a till with its store number, or a short code
/// that pays out.
///
/// It has credentials of its own, under its name. A record names its account for ever, so an account is never deleted: a
/// retired one takes nothing new, and what is open of it goes on being asked about.
package struct MPesaAccount: Sendable, Equatable {
    /// Names it.
    package let name: AccountName
    /// What plugins are told of it.
    package var profile: Profile
    /// Whether calls that name no account are its.
    package var isDefault: Bool
    /// Since when it takes nothing new.
    package var retiredAt: Timestamp?
    /// Counts up with each change; the store's.
    package var version: Int

    /// Makes an account.
    package init(
        name: AccountName,
        profile: Profile,
        isDefault: Bool = false,
        retiredAt: Timestamp? = nil,
        version: Int = 1
    ) {
        self.name = name
        self.profile = profile
        self.isDefault = isDefault
        self.retiredAt = retiredAt
        self.version = version
    }

    /// How many an organization may have in one environment, retired ones included.
    package static let countMax = 50
}

/// An organization's accounts in one environment, as they stand.
package final class AccountBook: Sendable {
    /// By name.
    package let accounts: [MPesaAccount]

    /// Gathers them.
    ///
    /// Calls may name one where there is more than one, unless something else is said.
    package init(_ accounts: [MPesaAccount], isPlural: Bool? = nil) {
        self.accounts = accounts
        self.isPlural = isPlural ?? (accounts.count > 1)
    }

    /// The part of it that somebody may use.
    ///
    /// Where the default one is not in it, and there is one account alone, that is meant by whoever names none.
    package func limited(to names: Set<AccountName>?) -> AccountBook {
        guard let names else { return self }
        var kept = accounts.filter { names.contains($0.name) }
        if kept.count == 1 { kept[0].isDefault = true }
        return AccountBook(kept, isPlural: isPlural)
    }

    /// Whether calls may say which one they mean: there is, or was, more than one.
    ///
    /// A retired one counts, so that whoever has learned to name an account can go on doing so.
    package let isPlural: Bool
    /// The one that is meant where none is named.
    package var standard: MPesaAccount? { accounts.first { $0.isDefault } }
    /// Whether what is asked for a name is counted under it: one that a caller has made up is nobody's, and there are as
    /// many as callers like.
    func counts(_ name: AccountName) -> Bool { self[name: name] != nil || name == .main }
    /// Every short code, each once.
    var shortCodes: [String] { Array(Set(accounts.map(\.profile.shortCode))).sorted() }

    /// The account of a call: the one that it names, or the default one.
    ///
    /// - Parameter all: Every one of the organization, of which this is the part that the caller may use.
    /// - Throws: `notConfigured` when nobody has set the environment up; `invalidArgument` for a name that is none's, or
    ///   that is missing; `permissionDenied` where the caller may use none.
    package func account(
        _ name: AccountName?,
        of all: AccountBook,
        _ environment: Environment
    ) throws(GatewayError) -> MPesaAccount {
        if let account = name.map({ self[name: $0] }) ?? standard { return account }
        guard !accounts.isEmpty || all.accounts.isEmpty else {
            throw GatewayError(.permissionDenied, "This key may use none of the accounts in \(environment.rawValue).")
        }
        if name != nil {
            throw AccountBook.wrong("the organization has no account of this name in \(environment.rawValue).")
        }
        guard accounts.isEmpty else {
            let names = accounts.map(\.name.description).joined(separator: ", ")
            throw AccountBook.wrong("name one of \(names): this key may not use the default one.")
        }
        throw GatewayError(
            .notConfigured,
            "The organization has no short code for \(environment.rawValue). An administrator must set it up first."
        )
    }

    /// The refusal of the argument that names an account.
    static func wrong(_ message: String) -> GatewayError {
        .wrong(AccountName.argument, message)
    }

    /// The account of this name.
    package subscript(name name: AccountName) -> MPesaAccount? { accounts.first { $0.name == name } }
}
