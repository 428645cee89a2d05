import DarajaKit
import Testing

struct `Phones in M-Pesa's words` {
    @Test(arguments: [
        "254712345678", "0712345678", "+254 712 345 678", "712345678", "0712-345-678", "07 12 34 56 78",
        "254.712.345.678", "254_712_345_678", "254/712/345/678", "254,712,345,678", "(0712) 345678", "2547 1234 5678",
        "00254712345678", "0712\u{A0}345\u{A0}678", "254712345678.0", "2.54712345678E11", "%2B254712345678",
        "phone=254712345678;", "MSISDN254712345678X", "01\u{200B}12345678", "0 7 1 2 3 4 5 6 7 8", "٠٧١٢٣٤٥٦٧٨",
        "٢٥٤٧١٢٣٤٥٦٧٨", "+254 (0) 712 345 678", "712 345 678", "0712–345–678", "1032 0712345678",
        "2019/12/01 0712345678", "0712345678, 254112345678",
    ])
    func `are masked however they are written`(phone: String) {
        let shown = Excerpt.of("Customer \(phone) did not answer")
        let digits = shown.filter(\.isNumber)

        #expect(shown.contains("[phone]") && digits.count <= 8, "\(shown)")
        #expect(phone.utf8.count == 9 || Excerpt.code(phone).map { !$0.contains("345") } == true)
    }

    @Test(arguments: [
        "1,700,000.00", "712,345,678.00", "1,712,345,678", "2,547,123,456.78", "20261126121530", "07.12.2019 11:45:50",
        "01-12-2019 11:45", "2026-11-26 12:15:30", "1732600000000", "ws_CO_260520211133524545", "NLJ7RT61SV",
        "ws_CO_191220191020363925", "29115-34620561-1", "5118-111210482-1", "AG_20191219_00004e48cf7e3533f581",
        "SB71234567", "0722***000", "254727***578", "400.002.02", "100.50", "019ab3c4-0000-7000-8000-000000000001",
        "254812345678", "1032",
    ])
    func `are no amounts, times, receipts or ids, which stay readable`(text: String) {
        #expect(Excerpt.of("Customer \(text) was here") == "Customer \(text) was here")
    }
}
