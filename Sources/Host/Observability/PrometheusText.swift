import Foundation
import Gateway
import Store

/// Metrics in Prometheus' text form.
enum PrometheusText {
    static func make(calls: [CallMetrics.Labels: Int], store: StoreCounts, started: Timestamp) -> String {
        var text = "# HELP gateway_calls_total Calls of tools, by door, tool and result.\n"
        text += "# TYPE gateway_calls_total counter\n"
        let sorted = calls.sorted {
            ($0.key.door, $0.key.tool, $0.key.result) < ($1.key.door, $1.key.tool, $1.key.result)
        }
        for (labels, count) in sorted {
            text +=
                "gateway_calls_total{door=\"\(labels.door)\",tool=\"\(labels.tool)\",result=\"\(labels.result)\"} \(count)\n"
        }
        for (name, help, count) in [
            ("failed_writes", "Transactions that the database could not make durable in time.", store.failedWrites),
            ("audit_lines_set_aside", "Audit lines that could not be written.", store.auditLinesSetAside),
            ("usage_counts_set_aside", "Counts of usage that could not be written.", store.usageCountsSetAside),
        ] {
            text += "# HELP gateway_store_\(name)_total \(help)\n# TYPE gateway_store_\(name)_total counter\n"
            text += "gateway_store_\(name)_total \(count)\n"
        }
        text += "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\n"
        text += "process_resident_memory_bytes \(residentBytes())\n"
        text +=
            "# HELP process_cpu_seconds_total CPU time, user and system.\n# TYPE process_cpu_seconds_total counter\n"
        text += "process_cpu_seconds_total \(cpuSeconds())\n"
        text += "# HELP process_start_time_seconds When the process started.\n# TYPE process_start_time_seconds gauge\n"
        text += "process_start_time_seconds \(Double(started.milliseconds) / 1000)\n"
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
