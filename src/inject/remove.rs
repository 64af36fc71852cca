//! Takes the sidecar out of a pod again.

use serde_json::Value;

use super::patch::Patch;
use super::{INJECTED, NAME, STATUS, container, environment, pod};

/// Takes out what an injection added. No operations where there is none of it.
pub fn remove(pod: Value) -> Patch {
    let mut patch = Patch::new(pod);
    if patch.get("/metadata/annotations").and_then(|map| map.get(STATUS)).is_none() {
        return patch;
    }
    let (added, extended) = (pod::variables(&patch), pod::hosts(&patch));
    for list in ["/spec/initContainers", "/spec/containers"] {
        for index in 0..patch.list(list).len() {
            let name = patch.list(list).get(index).and_then(|item| item.get("name")).and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(names) = added.get(&name) {
                let is_added =
                    |variable: &Value| variable.get("name").and_then(Value::as_str).is_some_and(|own| names.iter().any(|name| name == own));
                patch.remove_items(&format!("{list}/{index}/env"), is_added);
            }
            for hosts in extended.get(&name).into_iter().flatten() {
                restore_hosts(&mut patch, &format!("{list}/{index}/env"), hosts);
            }
        }
        patch.remove_items(list, |item| item.get("name").is_some_and(|name| name == NAME));
    }
    let volumes = [container::volume("config"), container::volume("keys")];
    patch.remove_items("/spec/volumes", |volume| volume.get("name").is_some_and(|name| volumes.iter().any(|own| name == own)));
    for label in pod::labels(&patch) {
        patch.remove("/metadata/labels", &label);
    }
    patch.remove("/metadata/labels", INJECTED);
    patch.remove("/metadata/annotations", STATUS);
    patch
}

fn restore_hosts(patch: &mut Patch, env: &str, hosts: &str) {
    for at in 0..patch.list(env).len() {
        let pointer = format!("{env}/{at}");
        let is_hosts = patch.get(&format!("{pointer}/name")).is_some_and(|name| name == hosts);
        let value = patch.get(&format!("{pointer}/value")).and_then(Value::as_str).and_then(environment::without_loopback);
        if let Some(value) = value.filter(|_| is_hosts).map(str::to_owned) {
            patch.set(&pointer, "value", value.into());
        }
    }
}
