import Gateway
import OrderedJSON

/// What stands on the page of a payment that waits to be confirmed.
struct ConfirmationViews {
    /// Where the host says that it is.
    let base: String
    /// The page's own path, to which its forms go.
    let path: String
    /// By what its forms are known.
    let mark: String

    // MARK: For strangers

    /// The same for every record, and for none.
    func logIn(_ wrong: String? = nil) -> Page {
        Page(
            title: "Log in to see what waits for you",
            body: """
                \(ConfirmationViews.wrong(wrong))
                <p>Somebody, or a program that acts for you, says that something waits for your word here. Log in as yourself to \
                look at it. Nothing is sent by that.</p>
                <p class="soft">Look at your browser's address first: this page is at \(base).</p>
                <form method="post" action="\(path)" autocomplete="on">
                \(hidden)
                <label>User name<input name="username" autocomplete="username" required maxlength="128" autocapitalize="none"\
                 spellcheck="false"></label>
                <label>Organization (its short name; may be left out)<input name="organization" autocomplete="organization"\
                 maxlength="64" autocapitalize="none" spellcheck="false"></label>
                <label>Password<input name="password" type="password" autocomplete="current-password" required\
                 maxlength="128"></label>
                <label>Code of your second factor, where you have one<input name="code" inputmode="numeric"\
                 autocomplete="one-time-code" maxlength="32"></label>
                <button name="do" value="log-in">Log in</button>
                </form>
                """
        )
    }

    // MARK: For whoever has logged in

    /// Asks whether a payment is wanted.
    func question(_ shown: String, sha256: String, isLive: Bool, _ person: PageVisit.Person, _ wrong: String? = nil)
        -> Page
    {
        Page(
            title: "Do you want this payment?",
            body: """
                \(ConfirmationViews.wrong(wrong))
                \(ConfirmationViews.environment(isLive))
                \(ConfirmationViews.words(shown))
                <form method="post" action="\(path)">
                \(hidden)
                <input type="hidden" name="sha256" value="\(sha256)">
                <div class="row">
                <button name="do" value="confirm">Confirm: send it</button>
                <button class="no" name="do" value="decline">Decline: never send it</button>
                </div>
                </form>
                <p class="soft">To decline is final. If you did not ask for this, decline it and tell your administrators.</p>
                \(footer(person))
                """
        )
    }

    /// Says what has become of it.
    func outcome(_ found: Found, _ person: PageVisit.Person, _ wrong: String? = nil) -> Page {
        let (title, words) = found.words
        return Page(
            title: title,
            body: """
                \(ConfirmationViews.wrong(wrong))
                \(ConfirmationViews.environment(found.isLive))
                <p>\(words)</p>
                \(found.shown.map { ConfirmationViews.rows($0) } ?? "")
                <p class="soft">You can close this page, and go back to where you came from.</p>
                \(footer(person))
                """
        )
    }

    /// For somebody whose it is not, in the same words as for what there is not.
    func notYours(_ person: PageVisit.Person) -> Page {
        Page(
            title: "Nothing here waits for you",
            body: """
                <p>Either there is nothing at this address, or somebody else must log in to see it: whoever asked for it, or the \
                owner of the key that did. If that is you by another name, log out and log in by that.</p>
                \(footer(person))
                """
        )
    }

    /// For somebody who is refused whatever it is.
    func refused(_ why: String, _ person: PageVisit.Person) -> Page {
        Page(title: "This cannot be shown now", body: "\(ConfirmationViews.wrong(why))\(footer(person))")
    }

    /// What is wrong with a request of whomever.
    static func wrong(_ title: String, _ why: String, path: String? = nil) -> Page {
        let again: HTML = path.map { "<p><a href=\"\($0)\">Open the page again</a></p>" } ?? ""
        return Page(title: title, body: "<p>\(why)</p>\(again)")
    }

    // MARK: Parts

    private var hidden: HTML { "<input type=\"hidden\" name=\"mark\" value=\"\(mark)\">" }

    private func footer(_ person: PageVisit.Person) -> HTML {
        """
        <form method="post" action="\(path)">
        \(hidden)
        <p class="soft">You are \(person.name) of \(person.organization).
        <button class="plain" name="do" value="leave">Log out of this page</button></p>
        </form>
        """
    }

    private static func wrong(_ text: String?) -> HTML {
        text.map { "<p class=\"wrong\" role=\"alert\">\($0)</p>" } ?? ""
    }

    private static func environment(_ isLive: Bool) -> HTML {
        isLive
            ? "<p class=\"mark live\">Live: real money moves.</p>"
            : "<p class=\"mark test\">Test: no real money moves.</p>"
    }

    /// What is kept as shown: `Name: value` as such, all else as a sentence before.
    private static func words(_ shown: String) -> HTML {
        let sentences = shown.split(separator: "\n").filter { $0.firstRange(of: ": ") == nil }
        return "\(HTML(sentences.map { "<p>\(String($0))</p>" }))\(rows(shown))"
    }

    /// What it says of the payment, line by line; the first is the amount.
    private static func rows(_ shown: String) -> HTML {
        var rows: [HTML] = []
        for line in shown.split(separator: "\n") {
            guard let colon = line.firstRange(of: ": ") else { continue }
            let (name, value) = (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
            let sum: HTML = rows.isEmpty ? " class=\"sum\"" : ""
            rows.append("<div><dt>\(name)</dt><dd\(sum)>\(value)</dd></div>")
        }
        return "<dl>\(HTML(rows))</dl>"
    }
}

extension ConfirmationViews {
    /// A held payment, as `approvals.show` tells of it.
    struct Found {
        let document: JSON

        /// Whether whoever looks asked for it, or owns the key that did.
        var isOwn: Bool { document["is_own"] == true }
        /// What they are to confirm, and its digest; nil once nothing waits for them.
        var question: (shown: String, sha256: String)? {
            guard let shown = document["to_confirm"]?["shown"]?.stringValue,
                let sha256 = document["to_confirm"]?["sha256"]?.stringValue
            else { return nil }
            return (shown, sha256)
        }
        var isLive: Bool { document["transaction"]?["environment"] != "test" }
        /// What was shown to whoever confirmed it.
        var shown: String? { document["confirmation"]?["shown"]?.stringValue }

        /// How it was let leave: what others approved, nobody has confirmed.
        private var letGo: (title: String, word: String) {
            if document["confirmation"] != nil { return ("Confirmed", "confirmed") }
            let isApproved = document["approved_by"]?.arrayValue?.isEmpty == false
            return isApproved ? ("Approved", "approved") : ("Released", "released")
        }

        /// How it stands, in a few words and in a sentence.
        var words: (title: String, sentence: String) {
            let state = document["transaction"]?["state"]?.stringValue ?? ""
            switch state {
            case "draft":
                return (
                    "Others decide about this",
                    "It waits for others of your organization to approve it, and not for you."
                )
            case "withdrawn":
                let why = document["withdrawal"]?.stringValue
                let words =
                    switch why {
                    case "cancelled", "declined": "It was declined."
                    case "expired", "unsent": "Its time is over."
                    default: "It was withdrawn: it would not be the same payment by now."
                    }
                return (
                    "Nothing was sent",
                    words + " Nothing was sent, and nothing will be. Ask for it anew if you want it."
                )
            case "released": return (letGo.title, "It was \(letGo.word), and is about to be sent.")
            case "succeeded": return ("Done", "It was \(letGo.word), and M-Pesa has done it.")
            case "failed", "cancelled", "expired", "rejected":
                return (
                    "It did not go through", "It was \(letGo.word), and M-Pesa has not done it. Ask for its status."
                )
            default: return (letGo.title, "It was \(letGo.word) and sent. Its outcome is told where you asked for it.")
            }
        }
    }
}
