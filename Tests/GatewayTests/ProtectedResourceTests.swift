import Cryptography
import Gateway
import Testing

struct `What the gateway is called` {
    private let one = OrganizationID(Identifier(high: 1, low: 1))
    private let two = OrganizationID(Identifier(high: 1, low: 2))

    @Test func `has an organization's id behind it, and is the plain address of the one that its operator chooses`() {
        for base in ["https://gw.example", "https://gw.example/pay"] {
            let (nobodys, owned) = (ProtectedResource(base: base), ProtectedResource(base: base, owner: two))
            #expect(nobodys.name(of: one) == base + "/mcp/\(one)")
            for resource in [nobodys, owned] {
                #expect(resource.organization(of: [base + "/mcp/\(one)"]) == one)
                #expect(resource.organization(of: ["https://other.example", base + "/mcp/\(one)/"]) == one)
                #expect(resource.organization(of: [base + "/mcp/\(one)", base + "/mcp/\(two)"]) == nil)
                for other in [
                    "/mcp/", "/mcp/x", "/mcpx", "/mcp//\(one)", "/mcp/\(one)/x", "/mcp/\(one)?x", "x", "/rest",
                ] {
                    #expect(
                        resource.organization(of: [base + other]) == (other == "/mcp/" ? resource.owner : nil),
                        "\(other)"
                    )
                }
                #expect(resource.organization(of: []) == nil && resource.organization(of: [""]) == nil)
            }
            for plain in [base, base + "/", base + "/mcp"] {
                #expect(nobodys.organization(of: [plain]) == nil && owned.organization(of: [plain]) == two)
            }
            #expect(owned.organization(of: [base + "/mcp", base + "/mcp/\(one)"]) == nil)
            #expect(owned.at(path: "")?.name == base && owned.at(path: "/mcp")?.name == base + "/mcp")
            #expect(nobodys.at(path: "") == nil && nobodys.at(path: "/mcp/\(one)")?.organization == one)
            #expect(owned.at(path: "/mcp/") == nil && owned.at(path: "/x") == nil)
        }
    }

    @Test func `is read in one form alone from a text for addresses`() {
        #expect(Base64.decodeURL("-_8") == [0xFB, 0xFF] && Base64.decodeURL("") == [])
        for text in ["-_9", "-_8=", "+/8", "A", "AB", "-_ 8", "Aé"] {
            #expect(Base64.decodeURL(text) == nil, "\(text)")
        }
    }
}
