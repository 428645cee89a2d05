import Cryptography
import Gateway
import HTTPServer
import NIOHTTP1

/// A page as it is sent: one document without script, whose style alone is let in, and which nobody may keep or frame.
struct Page {
    /// The heading, which is the window's title too.
    let title: String
    /// What stands below it.
    let body: HTML
    var status = HTTPResponseStatus.ok
    var fields: [(name: HeaderName, value: String)] = []

    /// The same with a status.
    func with(_ status: HTTPResponseStatus) -> Page {
        var page = self
        page.status = status
        return page
    }

    /// As it goes out.
    func response(_ call: CallID) -> Response {
        let document: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title) – M-Pesa gateway</title>
            <style>\(Page.style)</style>
            </head>
            <body>
            <main>
            <h1>\(title)</h1>
            \(body)
            </main>
            </body>
            </html>

            """
        var response = Response(status, headers: Page.own + fields, body: Array(document.text.utf8))
        response.add(.requestID, call.description)
        return response
    }

    /// Leads a browser on, which asks for what is there now.
    static func leading(to path: String, _ cookie: String?, _ call: CallID) -> Response {
        var response = Response(.seeOther, headers: own + [(.location, path)])
        if let cookie { response.add(.setCookie, cookie) }
        response.add(.requestID, call.description)
        return response
    }

    private static let own: [(name: HeaderName, value: String)] = [
        (.contentType, "text/html; charset=utf-8"), (.cacheControl, "no-store"), (.contentTypeOptions, "nosniff"),
        (.contentSecurityPolicy, policy), (.frameOptions, "DENY"), (.referrerPolicy, "no-referrer"),
        (.crossOriginOpener, "same-origin"),
    ]

    /// Nothing but the page's own style, and forms that go back to the host.
    private static let policy: String = {
        let digest = Base64.encode(SHA256.digest(style.text).bytes)
        return
            "default-src 'none'; style-src 'sha256-\(digest)'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    }()

    private static let style: HTML = """
        :root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#57606a;--line:#8c959f;--go:#11632a;--on:#fff;\
        --test:#fff3c4;--testink:#4d3800;--live:#ffdcd7;--liveink:#82071e}
        @media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--soft:#9da7b1;--line:#6e7681;--go:#3fb950;\
        --on:#06150a;--test:#3d2f00;--testink:#f8e3a1;--live:#5c1113;--liveink:#ffdcd7}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
        main{max-width:34rem;margin:0 auto;padding:1.5rem 1rem 3rem}
        h1{font-size:1.4rem;line-height:1.3;margin:0 0 1rem}
        dl{margin:1rem 0;border-top:1px solid var(--line)}
        dl div{display:flex;gap:1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
        dt{flex:0 0 9rem;color:var(--soft)}
        dd{margin:0;overflow-wrap:anywhere}
        dd.sum{font-size:1.25rem;font-weight:600}
        label{display:block;margin:0 0 1rem}
        input{display:block;width:100%;margin-top:.25rem;padding:.6rem;font:inherit;color:inherit;background:transparent;\
        border:1px solid var(--line);border-radius:.4rem}
        button{font:inherit;font-weight:600;padding:.7rem 1.2rem;border-radius:.4rem;border:2px solid var(--go);\
        background:var(--go);color:var(--on);cursor:pointer}
        button.no{background:transparent;color:var(--ink);border-color:var(--line)}
        button.plain{background:none;border:0;padding:.3rem 0;color:var(--soft);text-decoration:underline;font-weight:400}
        :focus-visible{outline:3px solid var(--go);outline-offset:2px}
        .row{display:flex;flex-wrap:wrap;gap:1rem;margin:1.5rem 0}
        .mark,.wrong{padding:.6rem .8rem;border-radius:.4rem;font-weight:600}
        .mark.test{background:var(--test);color:var(--testink)}
        .mark.live,.wrong{background:var(--live);color:var(--liveink)}
        .soft{color:var(--soft)}
        """
}
