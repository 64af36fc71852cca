//! The injection itself: a pod, or the template of one, with the sidecar.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::container;
use super::patch::Patch;
use super::settings::{EnvironmentMode, Native, Settings};
use super::{INJECT, INJECTED, NAME, STATUS, annotations, environment};

/// What is known of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// Whether it runs init containers that go on running (1.29 and later); `None` where nobody knows.
    pub has_native_sidecars: Option<bool>,
}

/// What became of a pod.
#[derive(Debug)]
pub enum Done {
    /// The pod with what it lacked; no operations where it lacked nothing.
    Injected { patch: Patch, warnings: Vec<String> },
    /// The pod does not want a sidecar.
    NotWanted,
}

/// Why a pod that wants the sidecar cannot have it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One word of a closed set, for metrics and reports.
    pub reason: &'static str,
    /// For whoever asked, with the fix.
    pub message: String,
}

impl Refusal {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Gives a pod what it lacks. `asked`: it is asked for whatever the pod's own label says, but for an explicit "no".
pub fn inject(pod: Value, settings: &Settings, cluster: Cluster, asked: bool) -> Result<Done, Refusal> {
    match wish(&pod) {
        Some(false) => return Ok(Done::NotWanted),
        None if !asked => return Ok(Done::NotWanted),
        Some(true) | None => {}
    }
    let mut settings = settings.clone();
    let none = Map::new();
    let own = pod.pointer("/metadata/annotations").and_then(Value::as_object).unwrap_or(&none);
    let mut warnings = annotations::apply(own, &mut settings).map_err(|message| Refusal::new("bad_annotation", message))?;
    let native = is_native(&settings, cluster);
    check(&pod, &settings, native)?;
    let mut patch = Patch::new(pod);
    let has_sidecar = add_sidecar(&mut patch, &settings, native);
    let (mut added, mut extended) = (variables(&patch), hosts(&patch));
    if settings.env != EnvironmentMode::Off {
        for list in ["initContainers", "containers"] {
            for index in 0..patch.list(&format!("/spec/{list}")).len() {
                let pointer = format!("/spec/{list}/{index}");
                let name = patch.get(&format!("{pointer}/name")).and_then(Value::as_str).unwrap_or_default().to_owned();
                // A plain sidecar is not there yet while init containers run.
                let too_early = list == "initContainers" && !native;
                if name == NAME || too_early || !takes_variables(&settings, &name) {
                    continue;
                }
                let changed = environment::add(&mut patch, &pointer, &settings, &mut warnings);
                extended.entry(name.clone()).or_default().extend(changed.extended);
                added.entry(name).or_default().extend(changed.added);
            }
        }
    }
    added.retain(|_, names| !names.is_empty());
    extended.retain(|_, names| !names.is_empty());
    mark(&mut patch, &settings, &added, &extended, has_sidecar);
    Ok(Done::Injected { patch, warnings })
}

/// What the pod's label says, or its annotation of the same name.
pub(super) fn wish(pod: &Value) -> Option<bool> {
    let said = |place: &str| pod.pointer(&format!("/metadata/{place}")).and_then(|map| map.get(INJECT)).and_then(Value::as_str);
    match said("labels").or_else(|| said("annotations"))? {
        "true" | "enabled" => Some(true),
        _ => Some(false),
    }
}

fn is_native(settings: &Settings, cluster: Cluster) -> bool {
    match settings.native {
        Native::Always => true,
        Native::Never => false,
        // Clusters without are out of support since 2024.
        Native::Auto => cluster.has_native_sidecars.unwrap_or(true),
    }
}

fn takes_variables(settings: &Settings, name: &str) -> bool {
    let is_wanted = settings.containers.is_empty() || settings.containers.iter().any(|wanted| wanted == name);
    is_wanted && !settings.skip_containers.iter().any(|skipped| skipped == name)
}

fn check(pod: &Value, settings: &Settings, native: bool) -> Result<(), Refusal> {
    let spec = pod.get("spec").and_then(Value::as_object).ok_or_else(|| Refusal::new("unsupported", "the pod has no `spec`"))?;
    let is = |name: &str, value: &Value| spec.get(name) == Some(value);
    if is("hostNetwork", &Value::Bool(true)) {
        let message = "the pod uses the host's network, whose loopback is not its own; run the sidecar as a gateway instead";
        return Err(Refusal::new("host_network", message));
    }
    let windows = pod.pointer("/spec/os/name").is_some_and(|os| os == "windows");
    if windows || pod.pointer("/spec/nodeSelector/kubernetes.io~1os").is_some_and(|os| os == "windows") {
        return Err(Refusal::new("unsupported", "there is no sidecar for Windows"));
    }
    let ends = matches!(spec.get("restartPolicy").and_then(Value::as_str), Some("Never" | "OnFailure"));
    if ends && !native {
        let message = "the pod's containers end, and a sidecar that is no native one would keep it from ending; \
            native sidecars need Kubernetes 1.29 (annotation `llm-sidecar.dev/native: \"true\"`)";
        return Err(Refusal::new("job", message));
    }
    let containers = ["initContainers", "containers"].into_iter().filter_map(|list| spec.get(list)?.as_array()).flatten();
    for container in containers.filter(|container| container.get("name").is_none_or(|name| name != NAME)) {
        let ports = container.get("ports").and_then(Value::as_array).into_iter().flatten();
        let taken = ports.filter_map(|port| port.get("containerPort")?.as_u64()).find(|port| is_ours(settings, *port));
        if let Some(port) = taken {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            let message = format!(
                "the container `{name}` has the port {port}, which the sidecar needs; choose others by the annotations \
                 `llm-sidecar.dev/port` and `llm-sidecar.dev/admin-port`"
            );
            return Err(Refusal::new("port_taken", message));
        }
    }
    Ok(())
}

fn is_ours(settings: &Settings, port: u64) -> bool {
    port == u64::from(settings.port) || port == u64::from(settings.admin_port)
}

/// Adds the container and its volumes. Says whether the container was there already.
fn add_sidecar(patch: &mut Patch, settings: &Settings, native: bool) -> bool {
    let named = |list: &[Value], name: &str| list.iter().any(|item| item.get("name").is_some_and(|own| own == name));
    let has_sidecar = ["/spec/initContainers", "/spec/containers"].into_iter().any(|list| named(patch.list(list), NAME));
    if !has_sidecar {
        // Before all others: what they do first shall find it running.
        let list = if native { "/spec/initContainers" } else { "/spec/containers" };
        patch.insert(list, 0, container::container(settings, native));
    }
    for volume in container::volumes(settings) {
        let name = volume.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !named(patch.list("/spec/volumes"), &name) {
            patch.push("/spec/volumes", volume);
        }
    }
    has_sidecar
}

/// The variables that were added to each container when the pod was injected before.
pub(super) fn variables(patch: &Patch) -> BTreeMap<String, Vec<String>> {
    noted(patch, "env")
}

/// The lists of hosts that were made longer then, for each container.
pub(super) fn hosts(patch: &Patch) -> BTreeMap<String, Vec<String>> {
    noted(patch, "hosts")
}

/// The labels that were added then.
pub(super) fn labels(patch: &Patch) -> Vec<String> {
    noted(patch, "labels")
}

fn noted<T: DeserializeOwned + Default>(patch: &Patch, what: &str) -> T {
    let text = patch.get("/metadata/annotations").and_then(|map| map.get(STATUS)).and_then(Value::as_str).unwrap_or_default();
    let status = serde_json::from_str::<Value>(text).unwrap_or_default();
    status.get(what).and_then(|noted| serde_json::from_value(noted.clone()).ok()).unwrap_or_default()
}

/// Says in the pod what was done to it.
fn mark(
    patch: &mut Patch,
    settings: &Settings,
    added: &BTreeMap<String, Vec<String>>,
    extended: &BTreeMap<String, Vec<String>>,
    had_sidecar: bool,
) {
    if had_sidecar && patch.is_empty() {
        return;
    }
    let has_label = |patch: &Patch, name: &str| patch.get("/metadata/labels").is_some_and(|labels| labels.get(name).is_some());
    let mut labels = labels(patch);
    for (name, value) in &settings.pod_labels {
        if !has_label(patch, name) {
            patch.set("/metadata/labels", name, value.as_str().into());
            labels.push(name.clone());
        }
    }
    if !has_label(patch, INJECTED) {
        patch.set("/metadata/labels", INJECTED, "true".into());
    }
    let status = json!({"version": env!("CARGO_PKG_VERSION"), "env": added, "hosts": extended, "labels": labels});
    patch.set("/metadata/annotations", STATUS, status.to_string().into());
}
