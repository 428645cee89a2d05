import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// `/confirm/ID`: the page on which a person confirms what they asked for, or declines it.
///
/// What it shows and does are `approvals.show`, `.confirm` and `.decline`, asked for as that person: it can do nothing that
/// REST cannot. It logs people in by the same way, and within the same limits, as everything else. A stranger is told
/// nothing of any record, and nothing is read for them; somebody else's record is shown as none.
struct ConfirmationDoor: Sendable {
    /// The most that a form may carry.
    static let bytesMax = 8 << 10

    private let pipeline: Pipeline
    private let actions: ActionRegistry
    private let logIns: LogIns
    private let visits: PageVisits
    private let base: String
    /// What stands before the pages' path where the host is reached from outside; empty where nothing does.
    private let prefix: String

    init(_ gateway: Assembly, actions: ActionRegistry, publicURL: String) {
        pipeline = gateway.pipeline
        self.actions = actions
        logIns = gateway.logIns
        base = publicURL
        prefix = BaseURL(publicURL, plain: .anywhere)?.path ?? ""
        visits = PageVisits(
            key: gateway.pageKey,
            entropy: gateway.ports.entropy,
            isSecure: publicURL.hasPrefix("https://"),
            prefix: prefix
        )
    }

    /// Whether a path is the pages'.
    static func isPage(_ path: Substring) -> Bool {
        guard path.utf8.starts(with: root.utf8) else { return false }
        return path.utf8.count == root.utf8.count || path.utf8.dropFirst(root.utf8.count).first == UInt8(ascii: "/")
    }

    private static let root = "/" + ConfirmationPage.segment

    /// One request on its way.
    private struct Asked {
        let id: RecordID
        /// As a browser has it.
        let path: String
        let request: Request
        let call: CallID

        /// What names the record to an action.
        var about: JSONObject { ["id": .string(id.description)] }
    }

    /// Answers whatever is asked beneath the pages' path.
    func serve(_ request: Request, _ call: CallID) async -> Response {
        let segments = request.segments
        guard segments.count == 2, let id = RecordID(String(segments[1])) else {
            let why = "Look at the address once more: it is the one that you were given, whole."
            return ConfirmationViews.wrong("There is nothing here", why).with(.notFound).response(call)
        }
        let asked = Asked(id: id, path: "\(prefix)\(Self.root)/\(id)", request: request, call: call)
        do throws(GatewayError) {
            switch request.method {
            case .GET: return try await look(asked)
            case .POST: return try await take(asked)
            default:
                var page = ConfirmationViews.wrong(
                    "This cannot be done here",
                    "The page is looked at, and its buttons used."
                )
                page.fields.append((.allow, "GET, POST"))
                return page.with(.methodNotAllowed).response(call)
            }
        } catch { return page(of: error, path: asked.path).response(call) }
    }

    /// The form of a refusal that is made before anybody looks at what is asked.
    func response(refusing error: GatewayError, _ status: HTTPResponseStatus?, _ call: CallID) -> Response {
        var page = page(of: error, path: nil)
        if let status { page.status = status }
        return page.response(call)
    }

    private func page(of error: GatewayError, path: String?) -> Page {
        let (status, title) = ErrorResponse.status(of: error.code)
        return ConfirmationViews.wrong(title, error.message, path: path).waiting(error).with(status)
    }

    // MARK: Looking

    private func look(_ asked: Asked) async throws(GatewayError) -> Response {
        guard let visit = visits.read(asked.request) else { return try stranger(asked) }
        guard let person = visit.person else { return try stranger(asked, visit) }
        return try await show(asked, visit, person)
    }

    /// Shows the log-in, in a visit that is begun by it unless there is one.
    private func stranger(
        _ asked: Asked,
        _ visit: PageVisit? = nil,
        _ wrong: GatewayError? = nil
    ) throws(GatewayError) -> Response {
        let begun: PageVisit
        if let visit { begun = visit } else { begun = try visits.begin() }
        var page = views(asked, begun).logIn(wrong?.message)
        if visit == nil { page.fields.append((.setCookie, visits.cookie(of: begun))) }
        guard let wrong else { return page.response(asked.call) }
        // Nothing else than a log-in is asked for on the page itself: 401 would have the browser ask for another.
        let status = wrong.code == .unauthenticated ? .forbidden : ErrorResponse.status(of: wrong.code).0
        return page.waiting(wrong).with(status).response(asked.call)
    }

    private func views(_ asked: Asked, _ visit: PageVisit) -> ConfirmationViews {
        ConfirmationViews(base: base, path: asked.path, mark: visits.mark(of: visit, about: asked.id))
    }

    /// Shows a record to whom it concerns; `wrong` says why what they wanted was not done.
    private func show(
        _ asked: Asked,
        _ visit: PageVisit,
        _ person: PageVisit.Person,
        _ wrong: GatewayError? = nil
    ) async throws(GatewayError) -> Response {
        let views = views(asked, visit)
        let found: ConfirmationViews.Found
        do throws(GatewayError) {
            found = ConfirmationViews.Found(document: try await perform("approvals.show", asked, person, asked.about))
        } catch {
            switch error.code {
            // The session has ended meanwhile.
            case .unauthenticated: return try stranger(asked, nil, error)
            case .notFound: return views.notYours(person).with(.notFound).response(asked.call)
            default:
                let status = ErrorResponse.status(of: error.code).0
                return views.refused(error.message, person).waiting(error).with(status).response(asked.call)
            }
        }
        // Whoever may see it by another way is not told of it here either.
        guard found.isOwn else { return views.notYours(person).with(.notFound).response(asked.call) }
        let page =
            if let question = found.question {
                views.question(question.shown, sha256: question.sha256, isLive: found.isLive, person, wrong?.message)
            } else { views.outcome(found, person, wrong?.message) }
        guard let wrong else { return page.response(asked.call) }
        return page.waiting(wrong).with(ErrorResponse.status(of: wrong.code).0).response(asked.call)
    }

    // MARK: Doing

    /// Whether a form comes from the page itself, as far as its browser says: a second line behind the cookie and the mark.
    private func isOwnPage(_ request: Request) -> Bool {
        if let site = request.header(.fetchSite) { return site == "same-origin" }
        // The page sends no referrer, for which browsers write its own origin as null.
        guard let origin = request.header(.origin), origin != "null" else { return true }
        return Origin(origin) == Origin(of: base)
    }

    private func take(_ asked: Asked) async throws(GatewayError) -> Response {
        let fields = try PageForm.read(asked.request)
        guard let visit = visits.read(asked.request), isOwnPage(asked.request),
            visits.isOwn(fields["mark"] ?? "", of: visit, about: asked.id)
        else { throw ConfirmationDoor.isOld }
        switch (fields["do"], visit.person) {
        case ("log-in", _): return try await logIn(fields, asked, visit)
        case ("leave", let person?): return await leave(asked, person)
        case ("confirm", let person?):
            // What they have before them, and nothing else.
            var arguments = asked.about
            arguments["sha256"] = .string(fields["sha256"] ?? "")
            return try await decide("approvals.confirm", arguments, asked, visit, person)
        case ("decline", let person?): return try await decide("approvals.decline", asked.about, asked, visit, person)
        case ("confirm", nil), ("decline", nil), ("leave", nil): return try stranger(asked, visit)
        default: throw GatewayError(.malformedRequest, "The page has no such button.")
        }
    }

    /// In the words of whoever has waited too long, which is what has happened nearly always.
    private static let isOld = GatewayError(
        .permissionDenied,
        "This was sent by a page that is too old, or that was not opened here. Nothing was done. Open it again."
    )

    private func logIn(
        _ fields: [String: String],
        _ asked: Asked,
        _ visit: PageVisit
    ) async throws(GatewayError) -> Response {
        let filled = { (name: String) in fields[name].flatMap { $0.isEmpty ? nil : $0 } }
        let session: LogIns.Session
        do throws(GatewayError) {
            session = try await logIns.logIn(
                username: fields["username"] ?? "",
                password: Secret(fields["password"] ?? ""),
                organization: filled("organization"),
                code: filled("code")?.replacing(" ", with: ""),
                lasting: visits.settings.life,
                LogIns.Caller(call: asked.call, address: asked.request.address)
            )
        } catch { return try stranger(asked, visit, error) }
        // A visit of its own: what a stranger had is no log-in's, and whoever was logged in on it has left.
        if let before = visit.person { await end(before, asked) }
        return Page.leading(to: asked.path, visits.cookie(of: try visits.begin(session)), asked.call)
    }

    private func leave(_ asked: Asked, _ person: PageVisit.Person) async -> Response {
        await end(person, asked)
        return Page.leading(to: asked.path, visits.forgetting, asked.call)
    }

    /// Ends a visit's session; one that has ended, or cannot be ended now, is left all the same, and over with the visit's
    /// time.
    private func end(_ person: PageVisit.Person, _ asked: Asked) async {
        let caller = LogIns.Caller(call: asked.call, address: asked.request.address)
        try? await logIns.leave(by: person.token, caller)
    }

    private func decide(
        _ name: String,
        _ arguments: JSONObject,
        _ asked: Asked,
        _ visit: PageVisit,
        _ person: PageVisit.Person
    ) async throws(GatewayError) -> Response {
        do throws(GatewayError) {
            // Of this page's, too, is only what is theirs: others who may approve or decline it do so elsewhere.
            let found = ConfirmationViews.Found(
                document: try await perform("approvals.show", asked, person, asked.about)
            )
            guard found.isOwn else { return try await show(asked, visit, person) }
            _ = try await perform(name, asked, person, arguments)
        } catch {
            return try await show(asked, visit, person, error)
        }
        return Page.leading(to: asked.path, nil, asked.call)
    }

    /// Does what a person asks for by the one way of everything.
    private func perform(
        _ name: String,
        _ asked: Asked,
        _ person: PageVisit.Person,
        _ arguments: JSONObject
    ) async throws(GatewayError) -> JSON {
        guard let action = actions.action(name) else { throw GatewayError.fault("there is no action \(name)") }
        let use = ActionCall(
            id: asked.call,
            door: .rest,
            credential: .token(person.token),
            environment: nil,
            address: asked.request.address,
            arguments: .success(.object(arguments))
        )
        switch await pipeline.serve(action, use).result {
        case .failure(let error): throw error
        case .success(.data(let bytes, _, _)): return (try? JSON(parsing: bytes)) ?? .null
        case .success: throw GatewayError.fault("\(name) answers no data")
        }
    }
}

extension Page {
    /// The same, saying for how long one waits.
    fileprivate func waiting(_ error: GatewayError) -> Page {
        guard let wait = error.retryAfter else { return self }
        var page = self
        page.fields.append((.retryAfter, String(ErrorResponse.seconds(wait))))
        return page
    }
}

/// The fields of a form that a page has sent.
enum PageForm {
    /// So many there are at most.
    static let fieldsMax = 16

    /// - Throws: `malformedRequest` for anything else, `tooLarge` for more than a page sends.
    static func read(_ request: Request) throws(GatewayError) -> [String: String] {
        let type = request.header(.contentType) ?? ""
        let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard media == "application/x-www-form-urlencoded" else {
            throw GatewayError(.malformedRequest, "The page's own forms are taken, and nothing else.")
        }
        let bytes = try RequestReader(request: request).body()
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw GatewayError(.malformedRequest, "The form is not text.")
        }
        var fields: [String: String] = [:]
        for pair in text.utf8.split(separator: UInt8(ascii: "&")).prefix(fieldsMax) {
            let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = sides.map { side in
                String(Substring(side)).replacing("+", with: " ").removingURLPercentEncoding()
            }
            guard let name = decoded[0], let value = decoded.count > 1 ? decoded[1] : "", fields[name] == nil else {
                throw GatewayError(.malformedRequest, "The form is not whole.")
            }
            fields[name] = value
        }
        return fields
    }
}
