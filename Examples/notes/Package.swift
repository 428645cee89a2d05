// swift-tools-version: 6.2
import PackageDescription

// What makes it a plugin's library: one exported symbol, everything bound at once, never unloaded.
let orders =
    ["-use-ld=lld", "-Xlinker", "--version-script=\(Context.packageDirectory)/exports.map", "-Xlinker", "-s"]
    + ["defs", "now", "nodelete"].flatMap { ["-Xlinker", "-z", "-Xlinker", $0] }

let kit: Target.Dependency = .product(name: "PluginKit", package: "mpesa-gateway")

let package = Package(
    name: "notes",
    products: [.library(name: "Notes", type: .dynamic, targets: ["Notes", "Manifest"])],
    dependencies: [.package(name: "mpesa-gateway", path: "../../Kit")],
    targets: [
        .target(name: "Manifest", dependencies: [kit], publicHeadersPath: "."),
        .target(name: "Notes", dependencies: [kit], linkerSettings: [.unsafeFlags(orders)]),
    ]
)
