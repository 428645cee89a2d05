import Cryptography
import Gateway
import HTTPServer
import OrderedJSON

/// A visit to the host's pages: what a browser carries of it, and who has logged in on it.
struct PageVisit: Sendable {
    /// Who has logged in.
    struct Person: Sendable {
        /// What they act by; it leaves the host in the sealed text alone.
        let token: Secret<String>
        let name: String
        let organization: String
    }

    /// The sealed text.
    let text: String
    /// Nil for a stranger.
    let person: Person?
}

/// Visits are sealed texts that browsers carry: nothing is kept of them, and nobody else can make one.
///
/// So a token does not open a page: whoever has one, such as a program that somebody has given theirs, has not logged in
/// here. What a page asks for must come from a page of the same visit (`mark`).
struct PageVisits: Sendable {
    /// What bounds them.
    struct Settings: Sendable {
        /// How long a visit lasts, and the session of who logs in on it; then one logs in anew.
        ///
        /// Default 15 min.
        var life: Duration = .seconds(900)
        /// The longest cookie that is looked at.
        ///
        /// Default 4 KiB.
        var bytesMax = 4096
    }

    private let key: Secret<[UInt8]>
    private let formKey: Secret<[UInt8]>
    private let entropy: Entropy
    let settings: Settings
    /// Whether the pages are served by https, as browsers see it.
    private let isSecure: Bool
    /// What stands before the pages' path, as browsers see it.
    private let prefix: String

    init(
        key: Secret<[UInt8]>,
        entropy: Entropy,
        isSecure: Bool,
        prefix: String = "",
        settings: Settings = Settings()
    ) {
        self.key = key
        formKey = Assembly.Keys.derived("forms", from: key)
        self.entropy = entropy
        self.isSecure = isSecure
        self.prefix = prefix
        self.settings = settings
    }

    private static let place = Array("page-visit".utf8)

    /// A name of which browsers take no cookie but by https and from this host, where that is so.
    private var name: String { isSecure ? "__Host-gateway-page" : "gateway-page" }

    // MARK: Visits

    /// Begins one, of a stranger or of whoever has just logged in: never the visit of before, and over with their session.
    func begin(_ session: LogIns.Session? = nil) throws(GatewayError) -> PageVisit {
        let person = session.map { session in
            PageVisit.Person(
                token: session.token,
                name: session.user.username,
                organization: session.organization.name
            )
        }
        var inner: JSONObject = [
            "nonce": .string(entropy.identifier().description),
            "until_ms": .integer((session?.expiresAt ?? entropy.now() + settings.life).milliseconds),
        ]
        if let person {
            inner["token"] = .string(person.token.reveal())
            inner["name"] = .string(person.name)
            inner["organization"] = .string(person.organization)
        }
        do {
            let bytes = JSON.object(inner).bytes
            let sealed = try AESGCM.seal(bytes, key: key.reveal(), associatedData: PageVisits.place)
            return PageVisit(text: Base64.encode(sealed), person: person)
        } catch { throw GatewayError.fault("a visit cannot be sealed: \(error)") }
    }

    /// The visit that a request is of; nil for none of ours, and once its time is over.
    func read(_ request: Request) -> PageVisit? {
        for field in request.headers.values(of: .cookie) {
            for part in field.utf8.split(separator: UInt8(ascii: ";")) {
                let sides = String(Substring(part)).split(separator: "=", maxSplits: 1)
                guard sides.count == 2, sides[0].drop(while: { $0 == " " }) == name else { continue }
                if let visit = visit(String(sides[1])) { return visit }
            }
        }
        return nil
    }

    private func visit(_ text: String) -> PageVisit? {
        guard text.utf8.count <= settings.bytesMax, let sealed = Base64.decode(text),
            let bytes = try? AESGCM.open(sealed, key: key.reveal(), associatedData: PageVisits.place),
            let inner = try? JSON(parsing: bytes), let until = inner["until_ms"]?.integerValue,
            entropy.now() < Timestamp(milliseconds: until)
        else { return nil }
        let person = inner["token"]?.stringValue
            .map { token in
                PageVisit.Person(
                    token: Secret(token),
                    name: inner["name"]?.stringValue ?? "",
                    organization: inner["organization"]?.stringValue ?? ""
                )
            }
        return PageVisit(text: text, person: person)
    }

    // MARK: Cookies

    /// The cookie that carries a visit, for as long as the browser is open.
    func cookie(of visit: PageVisit) -> String { field(visit.text) }

    /// Has the browser forget it.
    var forgetting: String { field("") + "; Max-Age=0" }

    private func field(_ value: String) -> String {
        // Of a name that is the host's alone, the path is all of it.
        let path = isSecure ? "/" : "\(prefix)/\(ConfirmationPage.segment)"
        return "\(name)=\(value); Path=\(path); HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }

    // MARK: What comes from a page

    /// By what a page's forms say that they are of this visit, and about this record.
    func mark(of visit: PageVisit, about record: RecordID) -> String {
        let text = Array("\(visit.text)|\(record)".utf8)
        return Hexadecimal.encode(HMACSHA256.authenticate(key: formKey.reveal(), text).bytes)
    }

    /// Whether a form that was sent is one of a visit's own.
    func isOwn(_ mark: String, of visit: PageVisit, about record: RecordID) -> Bool {
        constantTimeEquals(Array(mark.utf8), Array(self.mark(of: visit, about: record).utf8))
    }
}
