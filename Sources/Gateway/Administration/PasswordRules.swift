/// What a password must be: long, not one that everybody tries, and not who somebody is.
///
/// Nothing is asked of its characters: what people are made to add, everybody adds alike.
package enum PasswordRules {
    /// The least number of characters.
    package static let charactersMin = 12
    /// The most.
    package static let charactersMax = 128

    /// What is wrong with a password, as it stands behind "expected"; nil when nothing is.
    ///
    /// `names` are who somebody is: user name, address, organization.
    package static func expectation(for password: Secret<String>, names: [String]) -> String? {
        let text = password.reveal()
        guard (charactersMin...charactersMax).contains(text.count) else {
            return "\(charactersMin) to \(charactersMax) characters"
        }
        let bare = bare(text)
        if bare.count < 4 || Set(text.lowercased()).count < 5 { return "more than a few characters over and over" }
        if common.contains(bare) || common.contains(text.lowercased()) || isRun(text.lowercased()) {
            return "a password that is not among those that everybody tries first"
        }
        for name in names.flatMap({ $0.lowercased().split(separator: "@").map(String.init) }) where name.count >= 4 {
            let rest = text.lowercased().split(separator: name, omittingEmptySubsequences: false).joined()
            if text.lowercased().contains(name), rest.count <= 8 { return "more than a name and a few characters" }
        }
        return nil
    }

    /// - Throws: `invalidArgument` for a password that breaks a rule.
    package static func check(
        _ password: Secret<String>,
        names: [String],
        field: String = "password"
    ) throws(GatewayError) {
        guard let expected = expectation(for: password, names: names) else { return }
        let message = "\(field): expected \(expected)."
        throw GatewayError(.invalidArgument, message, errors: [.init(pointer: "/" + field, message: message)])
    }

    /// A password without what people add to a word: digits and signs around it, and letters written as digits.
    private static func bare(_ text: String) -> String {
        let trimmed = text.lowercased().drop { !$0.isLetter }
        let word = String(trimmed.reversed().drop { !$0.isLetter }.reversed())
        if common.contains(word) { return word }
        let letters =
            word
            .map { character -> Character in
                switch character {
                case "0": "o"
                case "1", "!": "i"
                case "3": "e"
                case "4", "@": "a"
                case "5", "$": "s"
                case "7": "t"
                default: character
                }
            }
        return String(letters.filter(\.isLetter))
    }

    /// Whether it is a run of the alphabet, of digits or of a keyboard's row, there or back, however often.
    private static func isRun(_ text: String) -> Bool {
        let rows = ["abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm"]
        return (rows + rows.map { String($0.reversed()) })
            .contains { row in
                var rest = text[...]
                while !rest.isEmpty {
                    var length = 0
                    for end in rest.indices where row.contains(String(rest[...end])) {
                        length = rest.distance(from: rest.startIndex, to: end) + 1
                    }
                    guard length >= 3 || length == rest.count && length > 0 else { return false }
                    rest = rest.dropFirst(length)
                }
                return true
            }
    }

    /// What everybody tries first, bare of digits and signs: words of published lists of stolen passwords, and this
    /// trade's own.
    private static let common: Set<String> = [
        "password", "passwordpassword", "passw", "passwd", "passord", "mypassword", "thisismypassword",
        "changeme", "changemenow", "changeit", "letmein", "letmeinnow", "letmeinplease", "welcome", "welcomehome",
        "welcometo", "welcomeback", "administrator", "admin", "adminadmin", "adminpassword", "superadmin",
        "superuser", "rootroot", "root", "toor", "login", "loginlogin", "user", "username", "guest", "default",
        "secret", "secretpassword", "topsecret", "qwerty", "qwertyqwerty", "qwertyuiop", "qwertyuiopasdfghjkl",
        "asdfghjkl", "zxcvbnm", "qazwsx", "qazwsxedc", "qwertyasdfgh", "iloveyou", "iloveyouforever",
        "iloveyousomuch", "iloveyouu", "loveyou", "sunshine", "princess", "football", "baseball", "basketball",
        "dragon", "master", "monkey", "shadow", "superman", "batman", "spiderman", "starwars", "trustno",
        "whatever", "nothing", "computer", "internet", "michael", "jennifer", "jessica", "charlie", "jordan",
        "hunter", "soccer", "liverpool", "chelsea", "arsenal", "manchester", "manchesterunited", "barcelona",
        "realmadrid", "jesus", "jesuschrist", "jesusislord", "godisgood", "godisgreat", "blessed", "amazing",
        "hello", "helloworld", "hellohello", "goodmorning", "goodmorningkenya", "money", "moneymoney", "bank",
        "banking", "mpesa", "mpesampesa", "mpesapassword", "mpesaadmin", "mpesagateway", "safaricom",
        "safaricomltd", "safaricommpesa", "daraja", "darajaapi", "lipanampesa", "paybill", "kenya", "kenyakenya",
        "nairobi", "nairobikenya", "mombasa", "kisumu", "hakunamatata", "harambee", "sandbox", "production",
        "correcthorsebatterystaple", "thequickbrownfox", "summer", "winter", "january", "december", "november",
        "test", "testtest", "testing", "testpassword", "demo", "demodemo", "temporary", "temppassword",
        "newpassword", "oldpassword", "yourpassword", "enterpassword", "nopassword", "abcabc", "aaaaaaaaaaaa",
    ]
}
