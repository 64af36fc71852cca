//! Where a Kubernetes manifest holds a pod.

use serde_json::Value;

/// What a manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pods, or templates of them, at these JSON pointers.
    Pods(Vec<String>),
    /// Nothing that runs pods.
    Other,
}

/// Finds the pods and templates of pods in a manifest.
pub fn templates(manifest: &Value) -> Kind {
    let kind = manifest.get("kind").and_then(Value::as_str).unwrap_or_default();
    let version = manifest.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let pointer = match (group, kind) {
        ("", "Pod") => "",
        ("", "PodTemplate") => "/template",
        ("" | "apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController")
        | ("batch", "Job")
        | ("argoproj.io", "Rollout")
        | ("serving.knative.dev", "Service" | "Configuration") => "/spec/template",
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template",
        ("", "List") => return within_list(manifest),
        _ => return Kind::Other,
    };
    // An Argo Rollout may refer to a Deployment instead.
    if manifest.pointer(pointer).is_some_and(Value::is_object) { Kind::Pods(vec![pointer.to_owned()]) } else { Kind::Other }
}

fn within_list(list: &Value) -> Kind {
    let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let found: Vec<String> = items
        .enumerate()
        .filter_map(|(at, item)| match templates(item) {
            Kind::Pods(pointers) => Some(pointers.into_iter().map(move |pointer| format!("/items/{at}{pointer}"))),
            Kind::Other => None,
        })
        .flatten()
        .collect();
    if found.is_empty() { Kind::Other } else { Kind::Pods(found) }
}
