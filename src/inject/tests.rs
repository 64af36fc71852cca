use serde_json::{Value, json};

use super::*;

const NATIVE: Cluster = Cluster { has_native_sidecars: Some(true) };
const PLAIN: Cluster = Cluster { has_native_sidecars: Some(false) };

fn pod() -> Value {
    json!({"metadata": {"labels": {"app": "a", INJECT: "true"}}, "spec": {"containers": [{"name": "app", "image": "app"}]}})
}

fn injected(pod: Value, cluster: Cluster) -> Patch {
    match inject(pod, &Settings::default(), cluster, false).unwrap() {
        Done::Injected { patch, .. } => patch,
        Done::NotWanted => panic!("it wanted one"),
    }
}

fn refused(pod: Value, cluster: Cluster) -> Refusal {
    inject(pod, &Settings::default(), cluster, true).unwrap_err()
}

fn with(mut pod: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    pod.pointer_mut(parent).unwrap()[key] = value;
    pod
}

fn env(pod: &Value, container: &str) -> Vec<(String, String)> {
    let text = |variable: &Value, key: &str| variable[key].as_str().unwrap_or("?").to_owned();
    let variables = pod.pointer(&format!("{container}/env")).and_then(Value::as_array).into_iter().flatten();
    variables.map(|variable| (text(variable, "name"), text(variable, "value"))).collect()
}

#[test]
fn a_pod_gets_a_native_sidecar_first_and_the_sdks_variables() {
    let patch = injected(with(pod(), "/spec/initContainers", json!([{"name": "init"}])), NATIVE);
    let pod = patch.value();
    let sidecar = &pod["spec"]["initContainers"][0];
    assert_eq!((&sidecar["name"], &sidecar["restartPolicy"]), (&json!(NAME), &json!("Always")));
    assert!(sidecar.get("lifecycle").is_none());
    for container in ["/spec/containers/0", "/spec/initContainers/1"] {
        let env = env(pod, container);
        assert!(env.contains(&("OPENAI_BASE_URL".into(), "http://127.0.0.1:4000/v1".into())), "{env:?}");
        assert!(env.contains(&("ANTHROPIC_BASE_URL".into(), "http://127.0.0.1:4000".into())), "{env:?}");
    }
    assert_eq!(pod["spec"]["volumes"].as_array().map(Vec::len), Some(2));
    assert_eq!(pod["metadata"]["labels"][INJECTED], "true");
}

#[test]
fn injecting_twice_is_injecting_once() {
    for cluster in [NATIVE, PLAIN] {
        let once = injected(pod(), cluster).into_value();
        let twice = injected(once.clone(), cluster);
        assert!(twice.is_empty(), "{:?}", twice.operations());
    }
}

#[test]
fn a_container_that_came_later_gets_its_variables() {
    let mut pod = injected(pod(), NATIVE).into_value();
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "late"}));
    let patch = injected(pod, NATIVE);
    assert!(!env(patch.value(), "/spec/containers/1").is_empty());
    assert_eq!(patch.list("/spec/initContainers").len(), 1);
    assert_eq!(super::pod::variables(&patch).len(), 2);
}

#[test]
fn what_was_put_in_can_be_taken_out() {
    let hosts = json!([{"name": "HTTP_PROXY", "value": "http://p"}, {"name": "NO_PROXY", "value": ".svc"}]);
    let own = json!([{"name": "OPENAI_API_KEY", "value": "mine"}]);
    for pod in [
        pod(),
        with(pod(), "/spec/containers/0/env", own),
        with(pod(), "/spec/containers/0/env", hosts),
        with(pod(), "/spec/containers/0/env", json!([{"name": "HTTP_PROXY", "value": "http://p"}, {"name": "no_proxy", "value": ""}])),
        with(pod(), "/spec/containers/0/env", json!([{"name": "NO_PROXY", "value": ".svc,127.0.0.1,localhost,::1"}])),
        with(pod(), "/spec/volumes", json!([{"name": "v"}])),
        with(pod(), "/metadata/annotations", json!({"a": "b"})),
    ] {
        for cluster in [NATIVE, PLAIN] {
            let patch = remove(injected(pod.clone(), cluster).into_value());
            assert_eq!(patch.value(), &pod);
        }
        assert!(remove(pod).is_empty());
    }
}

#[test]
fn what_a_container_sets_itself_stays() {
    let own =
        json!([{"name": "OPENAI_BASE_URL", "value": "http://mine"}, {"name": "ANTHROPIC_API_KEY", "valueFrom": {"secretKeyRef": {}}}]);
    let pod = with(pod(), "/spec/containers/0/env", own);
    let kept = env(injected(pod.clone(), NATIVE).value(), "/spec/containers/0");
    assert_eq!(&kept[..2], [("OPENAI_BASE_URL".into(), "http://mine".into()), ("ANTHROPIC_API_KEY".into(), "?".into())]);
    let forced = with(pod, "/metadata/annotations", json!({"llm-sidecar.dev/env": "force"}));
    let forced = env(injected(forced, NATIVE).value(), "/spec/containers/0");
    assert_eq!(forced[0].1, "http://127.0.0.1:4000/v1");
    assert_eq!(forced[1].1, "llm-sidecar");
}

#[test]
fn a_proxy_is_not_asked_for_loopback() {
    let proxied = json!([{"name": "HTTPS_PROXY", "value": "http://p:3128"}, {"name": "NO_PROXY", "value": ".svc"}]);
    let env = env(injected(with(pod(), "/spec/containers/0/env", proxied), NATIVE).value(), "/spec/containers/0");
    assert!(env.contains(&("NO_PROXY".into(), ".svc,127.0.0.1,localhost,::1".into())));
    assert!(env.contains(&("no_proxy".into(), "127.0.0.1,localhost,::1".into())));
}

#[test]
fn a_list_of_hosts_without_a_value_is_empty_unless_its_value_is_elsewhere() {
    let elsewhere = json!({"name": "no_proxy", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}});
    let proxied = json!([{"name": "HTTPS_PROXY", "value": "http://p:3128"}, {"name": "NO_PROXY"}, elsewhere]);
    let patch = injected(with(pod(), "/spec/containers/0/env", proxied), NATIVE);
    let env = &patch.value()["spec"]["containers"][0]["env"];
    assert_eq!((&env[1]["value"], &env[2]), (&json!("127.0.0.1,localhost,::1"), &elsewhere));
}

#[test]
fn annotations_change_the_settings() {
    let annotations = json!({
        "llm-sidecar.dev/port": "5000", "llm-sidecar.dev/config": "mine", "llm-sidecar.dev/memory-limit": "1Gi",
        "llm-sidecar.dev/env-providers": "cohere", "llm-sidecar.dev/native": "false", "llm-sidecar.dev/colour": "red",
    });
    let pod = with(pod(), "/metadata/annotations", annotations);
    let Done::Injected { patch, warnings } = inject(pod, &Settings::default(), NATIVE, false).unwrap() else { panic!() };
    assert!(warnings.len() == 1 && warnings[0].contains("colour"), "{warnings:?}");
    let sidecar = &patch.value()["spec"]["containers"][0];
    assert_eq!(sidecar["resources"]["limits"]["memory"], "1Gi");
    assert!(sidecar["args"].to_string().contains("127.0.0.1:5000") && sidecar.get("lifecycle").is_some());
    assert_eq!(patch.value()["spec"]["volumes"][0]["configMap"]["name"], "mine");
    assert_eq!(env(patch.value(), "/spec/containers/1")[0], ("CO_API_URL".into(), "http://127.0.0.1:5000".into()));
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let annotated = |name: &str, value: &str| with(pod(), "/metadata/annotations", json!({name: value}));
    for (pod, cluster, reason, word) in [
        (with(pod(), "/spec/hostNetwork", json!(true)), NATIVE, "host_network", "gateway"),
        (with(pod(), "/spec/os", json!({"name": "windows"})), NATIVE, "unsupported", "Windows"),
        (with(pod(), "/spec/restartPolicy", json!("Never")), PLAIN, "job", "1.29"),
        (with(pod(), "/spec/containers/0/ports", json!([{"containerPort": 4000}])), NATIVE, "port_taken", "`app`"),
        (annotated("llm-sidecar.dev/port", "80"), NATIVE, "bad_annotation", "1024"),
        (annotated("llm-sidecar.dev/port", "4001"), NATIVE, "bad_annotation", "both 4001"),
        (annotated("llm-sidecar.dev/cpu-limit", "much"), NATIVE, "bad_annotation", "quantity"),
        (annotated("llm-sidecar.dev/config", "Not_A_Name"), NATIVE, "bad_annotation", "name"),
        (annotated("llm-sidecar.dev/env-providers", "openai,nobody"), NATIVE, "bad_annotation", "nobody"),
    ] {
        let refusal = refused(pod, cluster);
        assert_eq!(refusal.reason, reason);
        assert!(refusal.message.contains(word), "{}", refusal.message);
    }
    let settings = Settings { allowed_overrides: vec!["config".to_owned()], ..Settings::default() };
    let refusal = inject(annotated("llm-sidecar.dev/image", "mine"), &settings, NATIVE, false).unwrap_err();
    assert!(refusal.message.contains("allowed_overrides"), "{}", refusal.message);
}

#[test]
fn only_pods_that_want_it_are_injected() {
    let said = |value: &str| with(pod(), "/metadata/labels", json!({INJECT: value}));
    let asked = |pod: Value, asked| matches!(inject(pod, &Settings::default(), NATIVE, asked), Ok(Done::Injected { .. }));
    assert!(asked(said("true"), false) && asked(said("enabled"), false));
    assert!(!asked(said("false"), true) && !asked(said("no"), true));
    let silent = with(pod(), "/metadata/labels", json!({}));
    assert!(!asked(silent.clone(), false) && asked(silent, true));
}

#[test]
fn pods_are_found_in_every_kind_that_has_them() {
    let template = || json!({"spec": {"containers": []}});
    let of = |version: &str, kind: &str, spec: Value| json!({"apiVersion": version, "kind": kind, "spec": spec});
    let at = |pointer: &str| Kind::Pods(vec![pointer.to_owned()]);
    assert_eq!(templates(&of("v1", "Pod", json!({}))), at(""));
    for (version, kind) in
        [("apps/v1", "Deployment"), ("batch/v1", "Job"), ("argoproj.io/v1alpha1", "Rollout"), ("serving.knative.dev/v1", "Service")]
    {
        assert_eq!(templates(&of(version, kind, json!({"template": template()}))), at("/spec/template"), "{kind}");
    }
    let cron = of("batch/v1", "CronJob", json!({"jobTemplate": {"spec": {"template": template()}}}));
    assert_eq!(templates(&cron), at("/spec/jobTemplate/spec/template"));
    for other in [of("v1", "Service", json!({})), of("argoproj.io/v1alpha1", "Rollout", json!({"workloadRef": {}})), json!(1)] {
        assert_eq!(templates(&other), Kind::Other);
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [of("v1", "Service", json!({})), cron]});
    assert_eq!(templates(&list), at("/items/1/spec/jobTemplate/spec/template"));
}
