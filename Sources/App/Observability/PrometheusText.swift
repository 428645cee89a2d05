import Foundation
import Gateway
import PluginHost
import Store
import Webhooks

/// Metrics in Prometheus' text form.
enum PrometheusText {
    static func make(
        calls: [CallMetrics.Labels: Int],
        evidence: [EvidenceMetrics.Labels: Int],
        refusedCallbacks: Int,
        webhooks: [WebhookMetrics.Outcome: Int],
        store: StoreCounts,
        plugins: PluginHost,
        started: Timestamp
    ) -> String {
        var text = "# HELP gateway_calls_total Calls of tools, by door, tool and result.\n"
        text += "# TYPE gateway_calls_total counter\n"
        let sorted = calls.sorted {
            ($0.key.door, $0.key.tool, $0.key.result) < ($1.key.door, $1.key.tool, $1.key.result)
        }
        for (labels, count) in sorted {
            text +=
                "gateway_calls_total{door=\"\(labels.door)\",tool=\"\(labels.tool)\",result=\"\(labels.result)\"} \(count)\n"
        }
        text += "# HELP gateway_evidence_total What M-Pesa said of records, by its source and what it proved.\n"
        text += "# TYPE gateway_evidence_total counter\n"
        for (labels, count) in evidence.sorted(by: { ($0.key.source, $0.key.verdict) < ($1.key.source, $1.key.verdict) }
        ) {
            text += "gateway_evidence_total{source=\"\(labels.source)\",verdict=\"\(labels.verdict)\"} \(count)\n"
        }
        text += "# HELP gateway_callbacks_refused_total Callbacks from addresses that are not on the operator's list.\n"
        text += "# TYPE gateway_callbacks_refused_total counter\n"
        text += "gateway_callbacks_refused_total \(refusedCallbacks)\n"
        text += "# HELP gateway_webhook_attempts_total Events sent to receivers, by what came of it.\n"
        text += "# TYPE gateway_webhook_attempts_total counter\n"
        for outcome in WebhookMetrics.Outcome.allCases {
            text += "gateway_webhook_attempts_total{outcome=\"\(outcome.rawValue)\"} \(webhooks[outcome, default: 0])\n"
        }
        for (name, help, count) in [
            ("failed_writes", "Transactions that the database could not make durable in time.", store.failedWrites),
            ("audit_lines_set_aside", "Audit lines that could not be written.", store.auditLinesSetAside),
            ("usage_counts_set_aside", "Counts of usage that could not be written.", store.usageCountsSetAside),
            ("unread_rows", "Rows that were met and cannot be read, or not whole, each once.", store.unreadRows),
        ] {
            text += "# HELP gateway_store_\(name)_total \(help)\n# TYPE gateway_store_\(name)_total counter\n"
            text += "gateway_store_\(name)_total \(count)\n"
        }
        text += PrometheusText.plugins(plugins)
        text += "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\n"
        text += "process_resident_memory_bytes \(residentBytes())\n"
        text +=
            "# HELP process_cpu_seconds_total CPU time, user and system.\n# TYPE process_cpu_seconds_total counter\n"
        text += "process_cpu_seconds_total \(cpuSeconds())\n"
        text += "# HELP process_start_time_seconds When the process started.\n# TYPE process_start_time_seconds gauge\n"
        text += "process_start_time_seconds \(Double(started.milliseconds) / 1000)\n"
        return text
    }

    /// What plugins did and what was done to them; counts go on when a version is replaced.
    private static func plugins(_ plugins: PluginHost) -> String {
        let counts = plugins.journal.counts.sorted { ($0.key.what, $0.key.plugin) < ($1.key.what, $1.key.plugin) }
        let own = [
            "calls": ("calls_total", "Calls of a plugin that ended."),
            "failed": ("failed_calls_total", "Calls in which the plugin itself failed."),
            "crashed": ("crashes_total", "Workers of a plugin that ended by themselves."),
            "restarted": ("restarts_total", "Workers that were started in the place of one that had ended."),
            "violated": ("violations_total", "Rules of the tool protocol that a plugin broke at run time."),
        ]
        var text = ""
        for (what, (name, help)) in own.sorted(by: { $0.value.0 < $1.value.0 }) {
            text += "# HELP gateway_plugin_\(name) \(help)\n# TYPE gateway_plugin_\(name) counter\n"
            for (label, count) in counts where label.what == what {
                text += "gateway_plugin_\(name){plugin=\"\(label.plugin)\"} \(count)\n"
            }
        }
        text += "# HELP gateway_plugin_changes_total What was done to plugins; refusals too.\n"
        text += "# TYPE gateway_plugin_changes_total counter\n"
        for (label, count) in counts where own[label.what] == nil {
            text += "gateway_plugin_changes_total{plugin=\"\(label.plugin)\",change=\"\(label.what)\"} \(count)\n"
        }
        let statuses = plugins.statuses
        text += "# HELP gateway_plugin_live Whether a version of the plugin serves.\n# TYPE gateway_plugin_live gauge\n"
        for status in statuses {
            text += "gateway_plugin_live{plugin=\"\(status.id)\"} \(status.live == nil ? 0 : 1)\n"
        }
        text += "# HELP gateway_plugin_degraded Whether something is wrong with the plugin; empty: with plugins.json.\n"
        text += "# TYPE gateway_plugin_degraded gauge\n"
        for status in statuses {
            text += "gateway_plugin_degraded{plugin=\"\(status.id)\"} \(status.reason == nil ? 0 : 1)\n"
        }
        text += "gateway_plugin_degraded{plugin=\"\"} \(plugins.fileProblem == nil ? 0 : 1)\n"
        return text
    }

    private static func residentBytes() -> Int {
        let pages = FileManager.default.contents(atPath: "/proc/self/statm")
            .flatMap { String(decoding: $0, as: UTF8.self).split(separator: " ").dropFirst().first }
            .flatMap { Int($0) }
        return (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
