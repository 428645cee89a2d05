import Testing

@testable import MCP

struct `A revision` {
    @Test func `is negotiated as it is asked for, where a handshake has it`() {
        for revision in Revision.allCases where revision.hasHandshake {
            #expect(Revision.negotiated(revision.rawValue) == revision)
        }
        for wanted in ["2026-07-28", "2099-01-01", "", nil] {
            #expect(Revision.negotiated(wanted) == .november2025)
        }
    }

    @Test func `knows what its clients know`() {
        let structured = Revision.allCases.filter(\.hasStructure)
        let annotated = Revision.allCases.filter(\.hasAnnotations)

        #expect(structured == [.june2025, .november2025, .july2026])
        #expect(annotated == [.march2025] + structured)
        #expect(Revision.allCases.filter(\.takesBatches) == [.march2025])
        #expect(Revision.served.first == "2026-07-28" && Revision.served.count == 5)
    }
}
