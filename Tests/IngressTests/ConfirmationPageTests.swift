import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import HTTPServer
@testable import Ingress

struct `The page of a payment to confirm` {
    @Test func `shows whoever asked all of it, and lets it leave once they confirm it`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let browser = PageReader(desk)

        let page = await browser.logIn("amina", to: id)

        #expect(page.status == 200)
        for words in [
            "100 shillings", "254711000001", "Test: no real money moves.", "rule 1 of your organization", "amina",
            "in Nairobi", "value=\"confirm\"", "value=\"decline\"",
        ] { #expect(page.text.contains(words), "\(words)") }
        #expect(await desk.sent == 0, "looking sends nothing")
        let answer = await browser.press("confirm", on: page, of: id)
        #expect(answer.status == 303 && answer.header("location") == PageReader.path(id))
        #expect(await desk.sent == 1)

        let after = await browser.open(id)
        #expect(after.status == 200 && !after.text.contains("value=\"confirm\""))
        let confirmation = try #require(try await desk.record(id)?.hold?.confirmation)
        #expect(confirmation.by == "user:\(amina.id)" && confirmation.way == .session)
        #expect(confirmation.digest == page.field("sha256"))
        for line in confirmation.shown.split(separator: "\n") {
            let value = line.firstRange(of: ": ").map { String(line[$0.upperBound...]) } ?? String(line)
            #expect(page.text.contains(HTML.escaped(value)), "kept as shown, and not shown: \(line)")
        }
    }

    @Test func `is at the host's own path, where it is reached by one`() async throws {
        let desk = try await PageDesk(base: "https://example.com/gateway")
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let (browser, path) = (PageReader(desk), "/gateway" + PageReader.path(id))

        // What stands before takes the path away.
        let form = await browser.open(id)
        let page = await browser.logIn("amina", to: id)

        for seen in [form, page] { #expect(seen.text.contains("action=\"\(path)\""), "\(seen.text)") }
        #expect(await browser.press("confirm", on: form, of: id).text.contains("href=\"\(path)\""))
        #expect(await browser.press("confirm", on: page, of: id).header("location") == path)
        #expect(await desk.sent == 1)
    }

    @Test func `is declined for good, and twice in two tabs says so`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let browser = PageReader(desk)
        let (first, second) = (await browser.logIn("amina", to: id), await browser.open(id))

        #expect(await browser.press("decline", on: first, of: id).status == 303)
        let declined = await browser.press("decline", on: second, of: id)
        let confirmed = await browser.press("confirm", on: second, of: id)

        for answer in [declined, confirmed] {
            #expect(answer.status == 409 && answer.text.contains("Nothing was sent"), "\(answer.text)")
            #expect(answer.text.contains("role=\"alert\"") && !answer.text.contains("value=\"confirm\""))
        }
        #expect(try await desk.record(id)?.state == .withdrawn)
        #expect(await desk.sent == 0)
    }

    @Test func `confirmed in two tabs leaves once`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let browser = PageReader(desk)
        let (first, second) = (await browser.logIn("amina", to: id), await browser.open(id))

        #expect(await browser.press("confirm", on: first, of: id).status == 303)
        let again = await browser.press("confirm", on: second, of: id)

        #expect(again.status == 409 && again.text.contains("confirmed"), "\(again.text)")
        #expect(await desk.sent == 1)
    }

    @Test func `tells somebody else nothing of it, as it tells of what there is not`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        try await desk.addPerson("boss", role: .orgAdmin)
        let id = await desk.pay(as: try await desk.token(of: amina))
        let none = RecordID(desk.clock.entropy.identifier())
        let browser = PageReader(desk)

        let other = await browser.logIn("boss", to: id)
        let nothing = await browser.open(none)
        let pressed = await browser.press("confirm", on: other, of: id)
        let declined = await browser.press("decline", on: other, of: id)

        for page in [other, nothing, pressed, declined] {
            #expect(page.status == 404 && page.text.contains("Nothing here waits for you"))
            #expect(!page.text.contains("254711000001") && !page.text.contains("100 shillings"))
        }
        #expect(try await desk.record(id)?.state == .draft)
        #expect(await desk.sent == 0)
    }

    @Test func `of what a key asked for is its owner's, with the key's name as text alone`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        try await desk.addPerson("boss", role: .orgAdmin)
        let key = try await desk.addKey("<img src=x onerror=alert(1)>", ownedBy: amina)
        let id = await desk.pay(as: key)

        let page = await PageReader(desk).logIn("amina", to: id)

        #expect(page.status == 200 && page.text.contains("&lt;img src=x onerror=alert(1)&gt;"))
        #expect(page.text.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"), "a reference")
        #expect(page.text.contains("Shop &amp; &lt;b&gt;Sons&lt;/b&gt;"))
        for tag in ["<script", "<img", "<b>"] { #expect(!page.text.contains(tag)) }
        #expect(await PageReader(desk).logIn("boss", to: id).status == 404)
    }

    @Test func `says that its time is over`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        desk.clock.advance(.seconds(3_590))
        let browser = PageReader(desk)
        let page = await browser.logIn("amina", to: id)
        desk.clock.advance(.seconds(11))

        let late = await browser.press("confirm", on: page, of: id)

        #expect(late.status == 409 && late.text.contains("Its time is over"), "\(late.text)")
        #expect(await desk.sent == 0)
    }

    @Test func `confirms nothing else than what was shown`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let browser = PageReader(desk)
        let page = await browser.logIn("amina", to: id)
        _ = try await desk.store.change(amina.id, organization: desk.organization) { $0.username = "amina2" }

        for digest in [page.field("sha256") ?? "", "", "0"] {
            let answer = await browser.press("confirm", on: page, of: id, ["sha256": digest])
            #expect(answer.status == 412 && answer.text.contains("value=\"confirm\""), "it is shown anew")
        }
        #expect(await desk.sent == 0)
    }
}
