// swift-tools-version: 6.2
import PackageDescription

// One line a module; docs/architecture.md draws the same picture. Every room of the host side names `Gateway`
// directly, because an undeclared dependency makes incremental builds crash (docs/adr/0002).

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
// In the host's rooms an async function stays where its caller runs: a call goes on on its connection's loop until it
// waits (docs/adr/0009).
let staying: [SwiftSetting] = strict + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]
let json: Target.Dependency = "OrderedJSON"
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

extension Target {
    /// A pure leaf: no room of the house below it but other leaves.
    static func leaf(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
        .target(name: name, dependencies: dependencies, path: "Sources/\(name)", swiftSettings: strict)
    }

    /// A room of the host side.
    static func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
        .target(
            name: name,
            dependencies: ["Gateway", json, "JSONSchema", "Cryptography", "Sheets", "Threads", "Addresses", logging]
                + dependencies,
            path: "Sources/\(name)",
            swiftSettings: staying
        )
    }

    /// A plugin: pure logic that is tested, the manifest, and the entry with the linker's orders, which only the
    /// library uses (they would leak into whatever links it).
    static func plugin(_ name: String) -> [Target] {
        let orders =
            ["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/exports.map"]
            + ["defs", "now", "nodelete"].flatMap { ["-Xlinker", "-z", "-Xlinker", $0] } + ["-Xlinker", "-s"]
        return [
            .target(
                name: name,
                dependencies: ["PluginKit", "Daraja", "DarajaKit", json],
                path: "Plugins/\(name)/Logic",
                swiftSettings: strict
            ),
            .target(name: "\(name)Manifest", dependencies: ["PluginAPI"], path: "Plugins/\(name)/Manifest"),
            .target(
                name: "\(name)Entry",
                dependencies: [.init(stringLiteral: name), "PluginKit", "PluginAPI"],
                path: "Plugins/\(name)/Entry",
                swiftSettings: strict,
                linkerSettings: [.unsafeFlags(orders)]
            ),
        ]
    }

    /// The tests of a room.
    static func tests(_ room: String, _ dependencies: [Target.Dependency] = []) -> Target {
        .testTarget(
            name: "\(room)Tests",
            dependencies: Array(
                Set([room, "Gateway", "OrderedJSON", "JSONSchema", "Cryptography", "Sheets", "Addresses"])
            )
            .sorted()
            .map { .init(stringLiteral: $0) } + dependencies,
            path: "Tests/\(room)Tests",
            swiftSettings: strict
        )
    }
}

let package = Package(
    name: "mpesa-gateway",
    products: [
        .executable(name: "mpesa-gateway", targets: ["Host"]),
        .executable(name: "mpesa-gateway-worker", targets: ["PluginWorker"]),
        .library(name: "PluginKit", targets: ["PluginKit", "PluginAPI", "OrderedJSON", "Daraja", "DarajaKit"]),
        .library(name: "PluginKitTesting", targets: ["PluginKitTesting"]),
        .library(name: "STKPush", type: .dynamic, targets: ["STKPushEntry", "STKPushManifest"]),
        .library(name: "B2C", type: .dynamic, targets: ["B2CEntry", "B2CManifest"]),
        .library(name: "Reversal", type: .dynamic, targets: ["ReversalEntry", "ReversalManifest"]),
        .library(name: "Reports", type: .dynamic, targets: ["ReportsEntry", "ReportsManifest"]),
    ],
    dependencies: [
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: ["STKPush", "B2C", "Reversal", "Reports"].flatMap(Target.plugin) + [
        // Leaves.
        .leaf("OrderedJSON"),
        .leaf("Threads"),
        .leaf("Addresses"),
        .leaf("JSONSchema", [json]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .leaf("Cryptography", ["COpenSSL"]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .leaf("Compression", ["CZlib"]),
        .leaf("Daraja", [json]),
        .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
        .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
        .systemLibrary(name: "CXLSXWriter", pkgConfig: "xlsxwriter", providers: [.apt(["libxlsxwriter-dev"])]),
        .leaf("Sheets", ["CZip", "CExpat", "CXLSXWriter", "Threads", "Daraja", json]),

        // The plugin boundary.
        .target(name: "PluginAPI"),
        .target(name: "PluginLoader", dependencies: ["PluginAPI"]),
        .leaf("PluginKit", ["PluginAPI", json]),
        .leaf("DarajaKit", ["PluginKit", "Daraja", json]),
        .leaf("PluginKitTesting", ["PluginKit", "JSONSchema", json]),
        .executableTarget(
            name: "PluginWorker",
            dependencies: ["PluginAPI", "PluginLoader"],
            // Plain C: otherwise SwiftPM links the shared Swift runtime into it, several MB a worker.
            linkerSettings: [.unsafeFlags(["-nostartfiles", "-static-stdlib"])]
        ),

        .target(
            name: "PluginTemplates",
            path: "Sources/PluginTemplates",
            resources: [.embedInCode("Files")],
            swiftSettings: strict
        ),

        // The host's rooms.
        .target(
            name: "Gateway",
            dependencies: [json, "JSONSchema", "Cryptography", "Compression", "Sheets", "Addresses", logging],
            swiftSettings: staying
        ),
        .room("GatewayTesting"),
        .room("PluginHost", ["PluginAPI", "PluginLoader"]),
        .room("PluginCheck", ["PluginAPI", "PluginLoader", "PluginHost"]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .room("Store", ["CSQLite", "CPostgres"]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .room("Egress", ["CCurl", "Compression"]),
        .room("Organizations"),
        .room("Webhooks"),
        .room("Sessions", [.product(name: "JWTKit", package: "jwt-kit")]),
        .room("MCP"),
        .target(
            name: "HTTPServer",
            dependencies: ["Addresses", nioCore, nioPosix, nioHTTP1, lifecycle, logging],
            swiftSettings: staying
        ),
        .room("Ingress", ["MCP", "HTTPServer", nioCore, nioPosix, nioHTTP1, lifecycle]),
        .leaf("Simulator", ["Daraja", "Cryptography", json, nioCore, nioPosix, nioHTTP1]),
        .target(
            name: "App",
            dependencies: [
                "Gateway", "Addresses", json, "JSONSchema", "Cryptography", "Store", "Egress", "PluginHost", "Sessions",
                "MCP", "Webhooks",
                "HTTPServer", "Ingress", "Organizations", "Simulator", "PluginTemplates", "PluginCheck", "Threads",
                lifecycle,
                logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        // Every room by name, as everywhere (docs/adr/0002).
        .executableTarget(name: "Host", dependencies: ["App", "Gateway"], swiftSettings: strict),

        // Tests: a folder per room.
        .testTarget(name: "OrderedJSONTests", dependencies: [json], swiftSettings: strict),
        .testTarget(name: "JSONSchemaTests", dependencies: ["JSONSchema", json], swiftSettings: strict),
        .testTarget(name: "ThreadsTests", dependencies: ["Threads"], swiftSettings: strict),
        .testTarget(name: "CryptographyTests", dependencies: ["Cryptography"], swiftSettings: strict),
        .testTarget(name: "CompressionTests", dependencies: ["Compression", "CZlib"], swiftSettings: strict),
        .testTarget(
            name: "SheetsTests",
            dependencies: ["Sheets", "CZip", json],
            swiftSettings: strict
        ),
        .tests("Gateway", ["GatewayTesting"]),
        .testTarget(
            name: "MoneyTests",
            dependencies: [
                "Gateway", "GatewayTesting", "Store", "CSQLite", "CZlib", "Cryptography", json, "JSONSchema", logging,
            ],
            path: "Tests/MoneyTests",
            swiftSettings: strict
        ),
        // All of Gateway from a seed, for its tests and for a command that runs any number of seeds.
        .target(
            name: "Simulation",
            dependencies: ["Gateway", "GatewayTesting", "Store", "Cryptography", json, "JSONSchema", logging],
            path: "Tests/Simulation",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "Simulate",
            dependencies: ["Simulation", "Gateway", "GatewayTesting", "Store"],
            path: "Tests/Simulate",
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Simulation", "Gateway", "GatewayTesting", "Store"],
            path: "Tests/SimulationTests",
            swiftSettings: strict
        ),
        .tests("Sessions"),
        .tests("MCP", ["GatewayTesting", "Store", logging]),
        .tests("Organizations", ["GatewayTesting", "Store", "Webhooks", logging]),
        .tests("Webhooks", ["GatewayTesting", logging]),
        .tests("Store", ["GatewayTesting", "CSQLite", "CPostgres", logging]),
        .tests("PluginHost", ["GatewayTesting", "PluginLoader", logging]),
        .tests("Egress", ["GatewayTesting", "Store", logging]),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: ["HTTPServer", "Addresses", nioCore, nioPosix, nioHTTP1, lifecycle, logging],
            swiftSettings: strict
        ),
        .tests("Ingress", ["HTTPServer", "GatewayTesting", nioCore, nioPosix, nioHTTP1, lifecycle, logging]),
        .tests("App", ["Egress", logging]),
        .testTarget(
            name: "SimulatorTests",
            dependencies: ["Simulator", "Daraja", "Cryptography", json],
            swiftSettings: strict
        ),
        .testTarget(
            name: "PluginKitTests",
            dependencies: ["PluginKit", "PluginKitTesting", "PluginAPI", "JSONSchema", json],
            swiftSettings: strict
        ),
        .testTarget(name: "DarajaTests", dependencies: ["Daraja", json], swiftSettings: strict),
        .testTarget(
            name: "DarajaKitTests",
            dependencies: ["DarajaKit", "PluginKit", "Daraja", json],
            swiftSettings: strict
        ),
        .testTarget(
            name: "STKPushTests",
            dependencies: ["STKPush", "PluginKit", "PluginKitTesting", "Daraja", "DarajaKit", json, "JSONSchema"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "B2CTests",
            dependencies: ["B2C", "PluginKit", "PluginKitTesting", "Daraja", "DarajaKit", json, "JSONSchema"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ReversalTests",
            dependencies: ["Reversal", "PluginKit", "PluginKitTesting", "Daraja", "DarajaKit", json, "JSONSchema"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ReportsTests",
            dependencies: ["Reports", "PluginKit", "PluginKitTesting", "Daraja", "DarajaKit", json, "JSONSchema"],
            swiftSettings: strict
        ),
        .testTarget(name: "TidyTests", swiftSettings: strict),
        .executableTarget(
            name: "PluginBench",
            dependencies: ["Gateway", "PluginHost", "PluginKit", "Store", json, logging],
            path: "Tests/Benchmarks/PluginBench",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "StoreBench",
            dependencies: ["Gateway", "Store", json, logging],
            path: "Tests/Benchmarks/StoreBench",
            swiftSettings: strict
        ),
    ]
)
