//! Prometheus's text format 0.0.4, made of OpenMetrics text for scrapers that know no other.

/// What an exemplar begins with. No label holds it as it is: quotes are escaped there.
pub(super) const EXEMPLAR: &str = " # {trace_id=\"";

/// Differences: a counter's comments name its samples (`x_total`), and there are neither exemplars nor units nor an end.
pub fn to_classic(open: &str) -> String {
    let mut out = String::with_capacity(open.len());
    // A family's HELP comes before the TYPE that says whether it is a counter.
    let mut help: Option<&str> = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            match rest.split_once(' ') {
                Some(("HELP", told)) => help = Some(told),
                Some(("TYPE", told)) => {
                    let (name, kind) = told.split_once(' ').unwrap_or((told, "untyped"));
                    let suffix = if kind == "counter" { "_total" } else { "" };
                    if let Some((_, text)) = help.take().and_then(|told| told.split_once(' ')) {
                        comment(&mut out, "HELP", name, suffix, text);
                    }
                    comment(&mut out, "TYPE", name, suffix, kind);
                }
                _ => {}
            }
            continue;
        }
        let sample = line.split_once(EXEMPLAR).map_or(line, |(sample, _)| sample);
        out.push_str(sample);
        out.push('\n');
    }
    out
}

fn comment(out: &mut String, what: &str, name: &str, suffix: &str, text: &str) {
    for part in ["# ", what, " ", name, suffix, " ", text, "\n"] {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_their_samples_and_exemplars_left_out() {
        let open = concat!(
            "# HELP llm_errors Errors.\n# TYPE llm_errors counter\nllm_errors_total{code=\"a # {trace_id=\\\"b\"} 3\n",
            "# HELP llm_wait_seconds Time.\n# TYPE llm_wait_seconds histogram\n# UNIT llm_wait_seconds seconds\n",
            "llm_wait_seconds_sum 0.5\nllm_wait_seconds_count 1\nllm_wait_seconds_bucket{le=\"1.0\"} 1 # {trace_id=\"00ff\"} 0.5\n",
            "# HELP llm_active Now.\n# TYPE llm_active gauge\nllm_active 0\n# EOF\n",
        );
        let classic = concat!(
            "# HELP llm_errors_total Errors.\n# TYPE llm_errors_total counter\nllm_errors_total{code=\"a # {trace_id=\\\"b\"} 3\n",
            "# HELP llm_wait_seconds Time.\n# TYPE llm_wait_seconds histogram\n",
            "llm_wait_seconds_sum 0.5\nllm_wait_seconds_count 1\nllm_wait_seconds_bucket{le=\"1.0\"} 1\n",
            "# HELP llm_active Now.\n# TYPE llm_active gauge\nllm_active 0\n",
        );
        assert_eq!(to_classic(open), classic);
    }
}
