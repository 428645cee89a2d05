// swift-tools-version: 6.2
import PackageDescription

// What makes it a plugin's library: one exported symbol, everything bound at once, never unloaded. They are the entry's
// orders alone, because they would hide the tests from whoever runs them.
let orders =
    ["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/exports.map", "-Xlinker", "-s"]
    + ["defs", "now", "nodelete"].flatMap { ["-Xlinker", "-z", "-Xlinker", $0] }

let kit: Target.Dependency = .product(name: "PluginKit", package: "mpesa-gateway")
let testing: Target.Dependency = .product(name: "PluginKitTesting", package: "mpesa-gateway")

let package = Package(
    name: "till-request",
    products: [.library(name: "TillRequest", type: .dynamic, targets: ["Entry", "Manifest"])],
    dependencies: [.package(name: "mpesa-gateway", path: "../../Kit")],
    targets: [
        .target(name: "Manifest", dependencies: [kit], publicHeadersPath: "."),
        .target(name: "TillRequest", dependencies: [kit]),
        .target(name: "Entry", dependencies: ["TillRequest", kit], linkerSettings: [.unsafeFlags(orders)]),
        .testTarget(name: "TillRequestTests", dependencies: ["TillRequest", testing]),
    ]
)
