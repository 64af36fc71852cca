//! What is posted: the sidecar's own form, or Alertmanager's (`POST /api/v2/alerts`).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Notice;
use crate::config::{AlertFormat, Alerts};

/// What Alertmanager hears nothing of for so many repetitions has ended.
const FORGOTTEN_AFTER: u32 = 4;

/// The body of one post. `url` is where the sidecar can be looked at.
pub(super) fn body(settings: &Alerts, notices: &[Notice], url: &str, at: Timestamp) -> Value {
    let labels = |notice: &Notice| -> BTreeMap<String, String> {
        let own = notice.finding.labels().map(|(name, value)| (name.to_owned(), value.to_owned()));
        settings.labels.iter().map(|(name, value)| (name.clone(), value.clone())).chain(own).collect()
    };
    match settings.format {
        AlertFormat::Json => {
            let alert = |notice: &Notice| {
                json!({
                    "status": if notice.ended.is_some() { "resolved" } else { "firing" },
                    "name": notice.finding.rule.name,
                    "severity": notice.finding.rule.severity,
                    "labels": labels(notice),
                    "value": notice.finding.value,
                    "summary": notice.finding.summary(),
                    "starts_at": notice.began.to_string(),
                    "ends_at": notice.ended.map(|ended| ended.to_string()),
                })
            };
            json!({"source": "llm-sidecar", "version": 1, "url": url, "alerts": notices.iter().map(alert).collect::<Vec<_>>()})
        }
        AlertFormat::Alertmanager => {
            let alert = |notice: &Notice| {
                let mut labels = labels(notice);
                labels.insert("alertname".to_owned(), notice.finding.rule.name.to_owned());
                labels.insert("severity".to_owned(), notice.finding.rule.severity.to_owned());
                // To Alertmanager a label without a value is none.
                labels.retain(|_, value| !value.is_empty());
                json!({
                    "labels": labels,
                    "annotations": {"summary": notice.finding.summary()},
                    "startsAt": notice.began.to_string(),
                    "endsAt": notice.ended.unwrap_or_else(|| later(at, settings.repeat_interval * FORGOTTEN_AFTER)).to_string(),
                    "generatorURL": url,
                })
            };
            notices.iter().map(alert).collect()
        }
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(at)
}
