import Gateway
import Testing

struct `The address below which callbacks come` {
    @Test(arguments: [
        ("https://pay.example.com", "https://pay.example.com"), ("HTTPS://Pay.Example.COM/", "https://pay.example.com"),
        ("https://example.com:8443/gate/way/", "https://example.com:8443/gate/way"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"), ("https://198.51.100.7", "https://198.51.100.7"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"), ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]:80"),
    ])
    func `is a scheme, a host, perhaps a port and a path`(text: String, read: String) {
        #expect(BaseURL(text)?.description == read)
    }

    @Test(arguments: [
        "", "pay.example.com", "ftp://pay.example.com", "https://", "https:///x", "https://user@example.com",
        "https://user:word@example.com", "https://example.com?x=1", "https://example.com/#x", "https://example.com/a?b",
        "https://example.com:0", "https://example.com:65536", "https://example.com:", "https://example.com:8443x",
        "https://exa mple.com", "https://example.com/a b", "https://example.com/../x", "https://example.com//x",
        "https://example.com/%2e%2e", "https://-a.example", "https://a..b", "https://bücher.example",
        "https://\u{212A}asuku.example",
        "https://example.com\\@evil.example", "https://[::1", "https://[::1]x", "https://[127.0.0.1]",
        "https://[2001:db8::/32]", "https://10.0.0.0/8]", "https://2130706433", "https://0x7f000001", "https://127.1",
        "https://example.com\r\nX: y", "http://pay.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1",
        "https://8.8.8.8\0.example", "https://[::1\0]", "http://127.0.0.1\0.example",
        "https://" + String(repeating: "a.", count: 130) + "example",
    ])
    func `is nothing else`(text: String) {
        #expect(BaseURL(text) == nil)
    }

    @Test func `is plain where whoever runs the gateway says so`() {
        #expect(BaseURL("http://gateway.internal:8080", plain: .anywhere)?.isSecure == false)
        #expect(BaseURL("http://user@gateway.internal", plain: .anywhere) == nil)
    }
}

struct `A public address` {
    @Test(arguments: ["8.8.8.8", "196.201.214.200", "172.15.255.255", "172.32.0.1", "2a00:1450::1", "2606:4700::1111"])
    func `is somebody's on the internet`(address: String) {
        #expect(PublicAddress.contains(address))
    }

    @Test(arguments: [
        "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1",
        "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:db8::1", "2001:0:1::1", "fec0::1", "", "localhost", "8.8.8.8/8", "0x8.8.8.8",
        "8.8.8.8\0.example", "8.8.8.8\0", "2606:4700::1111\0",
    ])
    func `is no other`(address: String) {
        #expect(!PublicAddress.contains(address))
    }
}
