import Hello
import PluginKitTesting
import Testing

struct `The plugin` {
    @Test func `means what its schemas say`() {
        #expect(plugin.schemaDisagreements() == [])
    }
}
