import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Sheets
import Synchronization
import Testing

struct `A batch that is made of a file` {
    private static let rows = "Name,Phone,Amount\nA. Otieno,254711010001,100\n\nB. Wanjiru,0711010002,\"1,500.00\"\n"

    @Test func `is the batch of its rows, each with the row that a spreadsheet shows`() async throws {
        try await House.forBatches { (house) async throws in
            let reply = try await house.file(Self.rows, ["batch_id": "b"])

            #expect(reply.data["total_payments"] == 2 && reply.data["total_amount"] == 1600, "\(reply)")
            #expect(reply.data["tool"] == "fake_pay_many" && reply.data["state"] == "draft")
            #expect(reply.data["file"] == ["columns": ["phone": "Phone", "amount": "Amount"]])
            let items = try await house.items("b")
            #expect(items.map { $0.batch?.row } == [2, 4] && items.map { $0.batch?.sequence } == [1, 2])
            #expect(items.map { $0.hold?.beside } == [["Name": "A. Otieno"], ["Name": "B. Wanjiru"]])
            #expect(items.map { $0.hold?.arguments["amount"] } == [100, 1500])
            #expect(house.upstream.sent.isEmpty)
        }
    }

    @Test func `names every bad row, and keeps nothing`() async throws {
        try await House.forBatches { (house) async throws in
            let text = "phone,amount\n2.54713E+11,100\n254711010002,0\n254711010003,10.50\n254711010004,5\n,7\n"

            let error = try await house.file(text, ["batch_id": "b"]).error

            #expect(error?.code == .invalidArgument && error?.message.hasPrefix("4 of 5 rows") == true)
            #expect(
                error?.errors.map(\.pointer) == ["/rows/2/phone", "/rows/3/amount", "/rows/4/amount", "/rows/6/phone"]
            )
            #expect(error?.errors.first?.message.hasPrefix("row 2: phone: 2.54713E+11 has lost digits") == true)
            let checked = try await house.file(text, ["validate_only": true])
            #expect(checked.data["errors"]?.arrayValue?.count == 4)
            #expect(try await house.store.batch(try #require(BatchID("b")), organization: house.organization) == nil)
        }
    }

    @Test func `is the same when the file is sent again, whatever it is then called`() async throws {
        try await House.forBatches { (house) async throws in
            let first = try await house.file(Self.rows)
            let again = try await house.file(Self.rows)
            #expect(first.data["batch_id"] != nil && first.data["batch_id"] == again.data["batch_id"])
            #expect(try await house.file(Self.rows, ["batch_id": "b"]).code == .conflict)

            let keyed = try await house.file(Self.rows.replacing("100", with: "70"), key: "k")
            let replayed = try await house.file(Self.rows.replacing("100", with: "70"), key: "k")
            #expect(keyed.code == nil && replayed.isReplayed && replayed.data == keyed.data)
            #expect(
                try await house.file(Self.rows.replacing("100", with: "71"), key: "k").code == .idempotencyKeyReused
            )
        }
    }

    @Test func `takes no key while it is only checked`() async throws {
        try await House.forBatches { (house) async throws in
            let only: JSONObject = ["batch_id": "b", "validate_only": true]
            let first = try await house.file("phone,amount\n254711010001,0\n", only, key: "k")
            let mended = try await house.file(Self.rows, only, key: "k")
            let made = try await house.file(Self.rows, ["batch_id": "b"], key: "k")
            let again = try await house.file(Self.rows, ["batch_id": "b"], key: "k")

            #expect(first.data["errors"]?.arrayValue?.count == 1 && !mended.isReplayed)
            #expect(mended.data["state"] == "checked" && mended.data["errors"] == [], "\(mended)")
            #expect(made.data["state"] == "draft" && !made.isReplayed && again.isReplayed && again.data == made.data)
            let formless = try await house.file(Self.rows, only, key: "two words").error
            #expect(formless?.errors.map(\.pointer) == ["/idempotency_key"])

            let payments: JSON = [["phone": "254711010009", "amount": 7]]
            for amount: JSON in [0, 7] {
                let list: JSON = [["phone": "254711010009", "amount": amount]]
                let checked = await house.call("fake_pay_many", ["payments": list, "validate_only": true], key: "t")
                #expect(checked.output["state"] == "checked" && !checked.isReplayed)
            }
            let listed = await house.call("fake_pay_many", ["payments": payments], key: "t")
            #expect(listed.output["state"] == "draft" && !listed.isReplayed, "\(listed)")
        }
    }

    @Test func `is the one that a list of the same payments makes`() async throws {
        try await House.forBatches { (house) async throws in
            let items: JSON = [["phone": "254711010001", "amount": 100], ["phone": "0711010002", "amount": 1500]]
            let listed = await house.ask("batches.create", ["tool": "fake_pay_many", "items": items])
            let sent = try await house.file(Self.rows)

            #expect(listed.data["batch_id"] != nil && listed.data["batch_id"] == sent.data["batch_id"])
        }
    }

    @Test func `is asked about rows that repeat, by the rows of the file`() async throws {
        try await House.forBatches { (house) async throws in
            let text = "Salaries\nphone,amount\n254711010001,100\n\n254711010001,100\n"

            let error = try await house.file(text, ["batch_id": "b"]).error
            #expect(error?.code == .conflict && error?.errors.map(\.pointer) == ["/rows/5"])
            let confirmed = try await house.file(text, ["batch_id": "b", "confirmed_rows": [5]])
            #expect(confirmed.data["confirmed_rows"] == 1, "\(confirmed)")
        }
    }

    @Test func `is refused as a whole where it is none, and where its reader may not make batches`() async throws {
        try await House.forBatches { (house) async throws in
            #expect(try await house.file("a,b\n1,2").code == .invalidArgument)
            #expect(try await house.file("").code == .invalidArgument)
            #expect(try await house.file([0x50, 0x4B, 3, 4]).code == .invalidArgument)
            #expect(try await house.file([UInt8](repeating: 0x61, count: (16 << 20) + 1)).code == .tooLarge)
            #expect(try await house.file(Self.rows, ["columns": ["phones": "Phone"]]).code == .invalidArgument)
            #expect(try await house.file(Self.rows, ["items": []]).code == .invalidArgument)
            #expect(try await house.file(Self.rows, ["tool": "fake_pay"]).code == .notFound)
            #expect(
                try await house.file("Line,Sum\n254711010001,5", ["columns": ["phone": "Line", "amount": "Sum"]]).code
                    == nil
            )
        }
    }

    @Test func `is not read for who may not make it`() async throws {
        let plugin = try FakePlugin.make(tools: ["requires": ["scopes": ["fake:pay"]]])
        try await House.with(plugin: plugin) { (house) async throws in
            let bare = try await house.addKey(scopes: [])

            let error = try await house.file("a,b\n1,2", ["tool": "fake_pay_many"], as: bare.text).error
            #expect(error?.code == .permissionDenied && error?.scopes == ["fake:pay"], "\(String(describing: error))")
        }
    }

    @Test(
        arguments: [
            ("phone,amount\n", "254711010001,100\n", "row 10101: there are more than 10100 rows. Send them in parts."),
            ("phone,amount\n254711010001,\"", "1234567890", "row 2: a cell is longer than 4096 bytes."),
            ("phone,amount", ",another column", "row 1: it has more than 256 columns."),
        ]
    )
    func `of ten megabytes is refused with its bound, keeps nothing and leaves its key free`(
        begin: String,
        piece: String,
        words: String
    ) async throws {
        try await House.forBatches { (house) async throws in
            let large = begin + String(repeating: piece, count: (10 << 20) / piece.utf8.count)

            let error = try await house.file(large, ["batch_id": "b", "release": true], key: "k").error

            #expect(error?.code == .tooLarge && error?.message == words, "\(String(describing: error))")
            let kept = try await house.store.batches(of: house.organization, environment: .test, before: nil, limit: 9)
            #expect(kept.isEmpty && house.upstream.sent.isEmpty)
            let mended = try await house.file(Self.rows, ["batch_id": "b"], key: "k")
            #expect(mended.data["state"] == "draft" && !mended.isReplayed, "\(mended)")
        }
    }

    @Test func `has ten thousand rows at most`() async throws {
        try await House.forBatches { (house) async throws in
            var text = "phone,amount\n"
            for number in 0...10_000 { text += "2547\(10_000_000 + number),10\n" }

            let more = try await house.file(text, ["validate_only": true])
            #expect(more.error?.code == .invalidArgument && more.error?.message.contains("10000") == true)
            let far = try await house.file(text + text.dropFirst(13), ["validate_only": true])
            #expect(far.error?.code == .tooLarge)
        }
    }
}

struct `A batch that may not be paid whole` {
    @Test func `says so, by the last known float and by the day's limit`() async throws {
        try await House.forBatches { (house) async throws in
            let rich = try await house.file("phone,amount\n254711010001,100\n", ["validate_only": true])
            #expect(rich.data["notes"] == nil)
            _ = try await house.store.change(house.organization) {
                $0.approvals.limits = [MoneyLimit(directions: [.outgoing], dayMax: 50)]
            }

            let checked = try await house.file("phone,amount\n254711010001,100\n", ["validate_only": true])
            #expect(
                checked.data["notes"]?.arrayValue?.first?.stringValue?.contains("50 shillings a day") == true,
                "\(checked)"
            )
            let made = await house.batch("b", of: House.payments(1))
            #expect(made.output["notes"]?.arrayValue?.count == 1)
        }
    }

    @Test func `names the rows that a limit would have withdrawn, checked or made`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.set {
                $0.limits = [
                    MoneyLimit(directions: [.outgoing], callMax: 200), MoneyLimit(subject: "key:other", callMax: 1),
                ]
            }
            let file = "phone,amount\n254711010001,201\n254711010002,200\n254711010003,900\n"

            let checked = try await house.file(file, ["validate_only": true])
            #expect(checked.data["errors"] == [])
            let notes = checked.data["notes"]?.arrayValue ?? []
            let note = notes.first?.stringValue ?? ""
            #expect(notes.count == 1 && note.hasPrefix("Rows 2, 4: a limit"), "\(checked)")
            #expect(note.contains("one call may be 200 shillings at most") && !note.contains("Nothing was sent"))

            let made = await house.batch("b", of: House.payments(30, amount: 300))
            let rows = made.output["notes"]?.arrayValue?.first?.stringValue ?? ""
            #expect(rows.contains("19, 20 and 10 more: a limit"), "\(made.output.text)")
        }
    }

    @Test func `says how much there is to those alone who may ask for balances`() async throws {
        try await House.forBatches { (house) async throws in
            let asked = try #require(await house.call("fake_ask").record)
            let holding: JSON = [
                "name": "Utility Account", "currency": "KES", "current_cents": 4_200, "available_cents": 4_200,
                "reserved_cents": 0, "uncleared_cents": 0,
            ]
            try await house.callback(
                asked,
                says: ["verdict": "succeeded", "data": ["as_of": "now"], "x-balances": [holding]]
            )
            let payer = try await house.addKey(scopes: [])
            let text = "phone,amount\n254711010001,100\n"

            let told = try await house.file(text, ["validate_only": true]).data["notes"]?[0]?.stringValue ?? ""
            let less =
                try await house.file(text, ["validate_only": true], as: payer.text).data["notes"]?[0]?.stringValue ?? ""
            #expect(told.contains("hold 42 shillings"), "\(told)")
            #expect(less.contains("less than this batch is") && !less.contains("42"), "\(less)")
        }
    }
}

struct `A batch's result` {
    @Test func `has the columns of the file, then what became of each row, as CSV and XLSX`() async throws {
        try await House.forBatches { (house) async throws in
            let text = "Name,phone,amount\n=cmd,254711010001,100\nB,254711010002,200\n"
            _ = try await house.file(text, ["batch_id": "b", "release": true])
            await house.sendBatches()
            try await house.payAll("b")
            await house.sendBatches()
            let items = try await house.items("b")

            let lines = String(decoding: try await house.saved("batches.result", ["id": "b"]), as: UTF8.self)
                .split(separator: "\r\n").map(String.init)
            #expect(
                lines.first
                    == "row,Name,phone,amount,transaction_id,status,state,mpesa_receipt_number,result_code,result_desc,ended_at,retry_of,retried_by"
            )
            #expect(
                lines.dropFirst().first?.hasPrefix("2,'=cmd,254711010001,100,\(items[0].id),SUCCESS,succeeded,R")
                    == true
            )
            let bytes = try await house.saved("batches.result", ["id": "b", "format": "xlsx"])
            let found = Found()
            try SheetFile.read(bytes) { (row) throws(SheetError) in found.rows.withLock { $0.append(row) } }
            let rows = found.rows.withLock { $0 }
            #expect(rows.count == 3 && rows[1].cells.prefix(4).map(\.text) == ["2", "'=cmd", "254711010001", "100"])
            #expect(rows[1].cells.prefix(4).map(\.kind) == [.number, .text, .text, .number])
        }
    }

    private final class Found: Sendable {
        let rows = Mutex<[SheetRow]>([])
    }
}
