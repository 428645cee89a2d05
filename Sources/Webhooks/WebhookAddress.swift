/// An endpoint's address as it may be written down where others read it.
package enum WebhookAddress {
    /// The address without path and query, in which there may be secrets.
    package static func masked(_ url: String) -> String {
        guard let start = url.firstRange(of: "://")?.upperBound else { return "" }
        let end = url[start...].firstIndex { "/?#".contains($0) } ?? url.endIndex
        return url[..<end] + (url[end...].isEmpty || url[end...] == "/" ? "" : "/…")
    }
}
