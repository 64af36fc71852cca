//! The admission webhook's protocol (`AdmissionReview`, admission.k8s.io/v1), without a network.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pod::{Cluster, Done, inject, wish};
use super::settings::Settings;

/// The answer to a review, and a word of a closed set that says what became of the pod.
#[derive(Debug)]
pub struct Reviewed {
    pub body: Value,
    pub result: &'static str,
    /// Why it was refused or let pass as it is; `none` where it was injected.
    pub reason: &'static str,
}

/// Reviews a pod that is to be created. `asked`: it is asked about only because the pod's own label or its namespace's says so.
///
/// A pod that cannot have the sidecar is refused only if it asks for it itself: in a namespace that does, it may be someone else's.
///
/// # Errors
/// Says what is wrong with a body that is no review.
pub fn review(body: &[u8], settings: &Settings, cluster: Cluster, asked: bool) -> Result<Reviewed, String> {
    let review: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let version = review.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if version != "admission.k8s.io/v1" || review.get("kind").is_none_or(|kind| kind != "AdmissionReview") {
        return Err("the body is not an AdmissionReview of admission.k8s.io/v1".to_owned());
    }
    let request = review.get("request").filter(|request| request.is_object()).ok_or("the review has no `request`")?;
    let uid = request.get("uid").and_then(Value::as_str).ok_or("the request has no `uid`")?;
    let is_new_pod = request.pointer("/resource/resource").is_some_and(|resource| resource == "pods")
        && request.get("operation").is_some_and(|operation| operation == "CREATE")
        && request.get("subResource").is_none_or(|sub| sub == "");
    let pod = request.get("object").filter(|_| is_new_pod).cloned();
    let Some(pod) = pod else { return Ok(Reviewed::allowed(uid, Vec::new(), "skipped", "not_a_new_pod")) };
    // A static pod's mirror shows what runs already.
    if pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some() {
        return Ok(Reviewed::allowed(uid, Vec::new(), "skipped", "mirror_pod"));
    }
    let is_strict = settings.strict && wish(&pod) == Some(true);
    Ok(match inject(pod, settings, cluster, asked) {
        Ok(Done::NotWanted) => Reviewed::allowed(uid, Vec::new(), "skipped", "not_wanted"),
        Ok(Done::Injected { patch, warnings }) if patch.is_empty() => Reviewed::allowed(uid, warnings, "unchanged", "none"),
        Ok(Done::Injected { patch, warnings }) => {
            let operations = STANDARD.encode(Value::from(patch.operations().to_vec()).to_string());
            let mut reviewed = Reviewed::allowed(uid, warnings, "injected", "none");
            if let Some(Value::Object(response)) = reviewed.body.get_mut("response") {
                response.insert("patchType".to_owned(), "JSONPatch".into());
                response.insert("patch".to_owned(), operations.into());
            }
            reviewed
        }
        Err(refusal) if is_strict => Reviewed::refused(uid, &refusal.message, refusal.reason),
        Err(refusal) => Reviewed::allowed(uid, vec![refusal.message], "skipped", refusal.reason),
    })
}

impl Reviewed {
    fn allowed(uid: &str, warnings: Vec<String>, result: &'static str, reason: &'static str) -> Self {
        let mut response = json!({"uid": uid, "allowed": true});
        if let Some(response) = response.as_object_mut().filter(|_| !warnings.is_empty()) {
            response.insert("warnings".to_owned(), warnings.iter().map(|warning| format!("llm-sidecar: {warning}")).collect());
        }
        Self { body: Self::of(response), result, reason }
    }

    fn refused(uid: &str, message: &str, reason: &'static str) -> Self {
        let status = json!({"code": 400, "reason": "BadRequest", "message": format!("llm-sidecar: {message}")});
        Self { body: Self::of(json!({"uid": uid, "allowed": false, "status": status})), result: "refused", reason }
    }

    fn of(response: Value) -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::INJECT;

    const CLUSTER: Cluster = Cluster { has_native_sidecars: Some(true) };

    /// As the API server asks for a pod of a ReplicaSet, which has no name and no namespace of its own yet.
    fn request(pod: &Value) -> Value {
        json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": "shop", "operation": "CREATE",
                "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"}, "object": pod, "oldObject": null,
                "dryRun": false, "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
            },
        })
    }

    fn pod() -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-6b7-", "labels": {INJECT: "true"}},
            "spec": {"containers": [{"name": "app", "image": "app"}]}})
    }

    fn reviewed(request: &Value, settings: &Settings) -> Reviewed {
        review(request.to_string().as_bytes(), settings, CLUSTER, true).unwrap()
    }

    #[test]
    fn a_pod_is_patched() {
        let answer = reviewed(&request(&pod()), &Settings::default());
        let response = &answer.body["response"];
        assert_eq!((answer.result, &response["allowed"], &response["patchType"]), ("injected", &json!(true), &json!("JSONPatch")));
        assert_eq!(response["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
        let steps: Vec<Value> = serde_json::from_slice(&STANDARD.decode(response["patch"].as_str().unwrap()).unwrap()).unwrap();
        assert!(steps.iter().any(|step| step["path"] == "/spec/initContainers/0"));
    }

    #[test]
    fn refusals_say_why_and_may_be_warnings() {
        let mut pod = pod();
        pod["spec"]["hostNetwork"] = true.into();
        let strict = reviewed(&request(&pod), &Settings::default());
        assert_eq!((strict.result, strict.reason), ("refused", "host_network"));
        assert!(strict.body["response"]["status"]["message"].as_str().unwrap().contains("gateway"));
        let lenient = reviewed(&request(&pod), &Settings { strict: false, ..Settings::default() });
        assert_eq!(lenient.body["response"]["allowed"], true);
        assert!(lenient.body["response"]["warnings"][0].as_str().unwrap().contains("network"));
        // Its namespace wants the sidecar; it does not say so itself.
        pod["metadata"]["labels"] = json!({});
        let silent = reviewed(&request(&pod), &Settings::default());
        assert_eq!((silent.result, silent.reason), ("skipped", "host_network"));
        assert_eq!(silent.body["response"]["allowed"], true);
    }

    #[test]
    fn pods_that_nobody_asks_for_are_left_alone() {
        let mut pod = pod();
        pod["metadata"]["labels"] = json!({});
        let ask = |pod: &Value| review(request(pod).to_string().as_bytes(), &Settings::default(), CLUSTER, false).unwrap().result;
        assert_eq!(ask(&pod), "skipped");
        pod["metadata"]["annotations"] = json!({INJECT: "true"});
        assert_eq!(ask(&pod), "injected");
    }

    #[test]
    fn everything_else_is_let_pass_as_it_is() {
        let changed = |pointer: &str, value: Value| {
            let mut request = request(&pod());
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            request.pointer_mut(parent).unwrap()[key] = value;
            reviewed(&request, &Settings::default())
        };
        for (pointer, value, reason) in [
            ("/request/operation", json!("UPDATE"), "not_a_new_pod"),
            ("/request/subResource", json!("ephemeralcontainers"), "not_a_new_pod"),
            ("/request/object", Value::Null, "unsupported"),
            ("/request/object/metadata/annotations", json!({"kubernetes.io/config.mirror": "x"}), "mirror_pod"),
            ("/request/object/metadata/labels", json!({INJECT: "false"}), "not_wanted"),
        ] {
            let answer = changed(pointer, value);
            assert_eq!(answer.reason, reason, "{pointer}");
            assert!(answer.body["response"].get("patch").is_none());
        }
    }

    #[test]
    fn what_is_no_review_is_an_error() {
        for (body, word) in [
            ("", "not JSON"),
            ("{}", "AdmissionReview"),
            (r#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#, "v1"),
            (r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#, "request"),
            (r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}"#, "uid"),
        ] {
            assert!(review(body.as_bytes(), &Settings::default(), CLUSTER, true).unwrap_err().contains(word), "{body}");
        }
    }
}
