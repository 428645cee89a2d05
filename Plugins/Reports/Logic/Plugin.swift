import PluginKit

/// What an organization's transactions were, one by one and summed up.
///
/// It moves nothing and keeps nothing of its own: it asks the host for pages and for sums, and the host keeps each report
/// as it was made. What takes long goes on as a task (`TransactionFile`). `Report` makes one of sums, purely; `Period` knows the days; the catalogue's entries stand in
/// `Descriptors.swift`.
public let reports = Plugin(
    id: "reports",
    version: "0.1.0",
    title: "M-Pesa reports",
    tools: [
        .function(FunctionTool(historyDescriptor, call: showHistory)),
        .function(FunctionTool(reportDescriptor, call: makeReport)),
    ],
    needs: Needs(services: ["transactions", "exports", "x-reports"])
)
