//! The sidecar's container and the volumes it mounts.

use serde_json::{Value, json};

use super::NAME;
use super::settings::{Probes, Settings};

const CONFIG: &str = "/etc/llm-sidecar";
const KEYS: &str = "/var/run/llm-sidecar/keys";
const BINARY: &str = "/llm-sidecar";
/// Nobody's, as in distroless images.
const USER: u32 = 65532;

/// The volumes: the configuration, and keys that may be missing. Whole directories, never a `subPath`: that would not be updated.
pub(super) fn volumes(settings: &Settings) -> [Value; 2] {
    [
        json!({"name": volume("config"), "configMap": {"name": settings.config}}),
        json!({"name": volume("keys"), "secret": {"secretName": settings.keys_secret, "optional": true}}),
    ]
}

pub(super) fn volume(what: &str) -> String {
    format!("{NAME}-{what}")
}

/// The container; `native` where it is an init container that goes on running.
pub(super) fn container(settings: &Settings, native: bool) -> Value {
    let mut args = vec![
        "serve".to_owned(),
        format!("--config={CONFIG}/config.yaml"),
        format!("--listen=127.0.0.1:{}", settings.port),
        // Probes and Prometheus come from outside of the pod.
        format!("--admin-listen=0.0.0.0:{}", settings.admin_port),
    ];
    args.extend(settings.log_level.as_ref().map(|level| format!("--log-level={level}")));
    let mut container = json!({
        "name": NAME,
        "image": settings.image,
        "args": args,
        "env": [{"name": "LLM_SIDECAR_ADMIN", "value": format!("127.0.0.1:{}", settings.admin_port)}],
        // The data port is on loopback and not declared.
        "ports": [{"name": "llm-admin", "containerPort": settings.admin_port, "protocol": "TCP"}],
        "startupProbe": probe(settings, "/readyz", 1, 60),
        "readinessProbe": probe(settings, "/readyz", 5, 3),
        "livenessProbe": probe(settings, "/livez", 10, 6),
        "resources": settings.resources,
        // On the container, so that nothing of the pod's own changes. It fits Pod Security's `restricted`.
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": volume("config"), "mountPath": CONFIG, "readOnly": true},
            {"name": volume("keys"), "mountPath": KEYS, "readOnly": true},
        ],
    });
    if let Some(object) = container.as_object_mut() {
        if let Some(policy) = &settings.image_pull_policy {
            object.insert("imagePullPolicy".to_owned(), policy.as_str().into());
        }
        if native {
            object.insert("restartPolicy".to_owned(), "Always".into());
        } else {
            // The containers behind it are started when it is ready, and it goes on serving while they stop.
            let wait = [BINARY, "health", "--wait=60s"];
            let hold = [BINARY.to_owned(), "pause".to_owned(), format!("{}s", settings.drain_seconds)];
            let lifecycle = json!({"postStart": {"exec": {"command": wait}}, "preStop": {"exec": {"command": hold}}});
            object.insert("lifecycle".to_owned(), lifecycle);
        }
    }
    container
}

fn probe(settings: &Settings, path: &str, period: u32, failures: u32) -> Value {
    match settings.probes {
        Probes::Http => json!({"httpGet": {"path": path, "port": "llm-admin"}, "periodSeconds": period, "failureThreshold": failures}),
        Probes::Exec => json!({"exec": {"command": [BINARY, "health"]}, "periodSeconds": period, "failureThreshold": failures}),
    }
}
