import PluginKitTesting
import Testing
import TillRequest

struct `The plugin` {
    @Test func `means what its schemas say`() {
        #expect(plugin.schemaDisagreements() == [])
    }
}
