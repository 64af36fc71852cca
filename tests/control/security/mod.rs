//! The rows of the security table, S01 to S23, and the admin API's bad inputs, 93 to 97: what holds each of them.

mod admin_bounds;
mod bad_inputs;
mod data_bounds;
mod secrecy;

use std::fs;
use std::path::Path;

use crate::support::client::Client;
use crate::support::sidecar::Sidecar;
use crate::{admin, ask};

/// Each row's tests, by file and name.
const ROWS: &[(&str, &[(&str, &str)])] = &[
    ("S01 keys are in no output", &[("tests/control/security/secrecy.rs", "s01_and_s21_no_key_and_no_prompt_is_in_any_output")]),
    ("S02 no key in a URL", &[("tests/control/security/secrecy.rs", "s02_a_key_is_never_in_a_url")]),
    (
        "S03 keys at rest",
        &[
            ("src/seal/tests.rs", "ciphertexts_swapped_between_records_are_refused"),
            ("src/seal/tests.rs", "every_flipped_bit_is_found"),
            ("src/seal/tests.rs", "old_keys_open_until_they_are_taken_away"),
            ("tests/secrets.rs", "keys_change_under_load_without_a_failed_request"),
        ],
    ),
    (
        "S04 references and files of keys",
        &[
            ("tests/control/security/secrecy.rs", "s04_every_role_is_told_only_that_there_is_a_key"),
            ("src/seal/tests.rs", "a_key_file_must_be_its_owners_alone"),
        ],
    ),
    ("S05 inbound keys", &[("tests/control/security/secrecy.rs", "s05_keys_that_begin_alike_are_not_the_same")]),
    ("S06 no SQL of input", &[("tests/control/security/admin_bounds.rs", "s06_what_is_asked_never_becomes_a_statement")]),
    ("S07 nothing is evaluated", &[("tests/control/security/data_bounds.rs", "s07_nothing_that_evaluates_templates_is_built_in")]),
    ("S08 clients choose no upstream", &[("tests/proxy/bad_bodies.rs", "row_55_a_client_cannot_choose_where_the_request_goes")]),
    (
        "S09 base URLs",
        &[
            ("src/config/url_policy.rs", "only_public_hosts_and_what_is_allowed"),
            ("src/upstream/connect.rs", "a_name_that_leads_inside_is_connected_to_only_where_it_may"),
            ("tests/control/security/admin_bounds.rs", "s09_a_name_that_leads_inside_is_not_connected_to"),
            ("tests/proxy/vendor_errors.rs", "row_79_a_redirect_is_not_followed"),
        ],
    ),
    ("S10 no proxy of the environment", &[("tests/control/security/data_bounds.rs", "s10_proxies_of_the_environment_are_not_asked")]),
    ("S11 headers out", &[("tests/control/security/data_bounds.rs", "s11_to_s13_only_listed_headers_cross")]),
    (
        "S12 hop-by-hop headers",
        &[
            ("tests/control/security/data_bounds.rs", "s11_to_s13_only_listed_headers_cross"),
            ("tests/proxy/framing.rs", "hop_by_hop_headers_and_cookies_do_not_cross"),
        ],
    ),
    ("S13 headers back", &[("tests/control/security/data_bounds.rs", "s11_to_s13_only_listed_headers_cross")]),
    (
        "S14 paths",
        &[
            ("tests/control/security/data_bounds.rs", "s14_paths_that_are_none_are_refused"),
            ("tests/proxy/bad_heads.rs", "rows_25_to_27_methods_and_paths"),
        ],
    ),
    (
        "S15 no tunnels",
        &[
            ("tests/proxy/bad_heads.rs", "rows_22_and_23_no_tunnels_and_no_upgrades"),
            ("tests/control/security/data_bounds.rs", "s15_a_request_is_not_traced"),
        ],
    ),
    ("S16 the admin listener", &[("tests/control/security/admin_bounds.rs", "s16_without_tokens_the_api_is_closed")]),
    (
        "S17 roles",
        &[
            ("tests/control/roles.rs", "every_route_is_refused_to_whoever_lacks_its_permission"),
            ("src/admin/routes.rs", "every_route_is_for_the_roles_it_is_meant_for"),
            ("tests/control/security/bad_inputs.rs", "rows_93_to_97_and_s17_are_refused_and_noted"),
        ],
    ),
    (
        "S18 audit",
        &[("tests/control/killed.rs", "fifty_times"), ("tests/control/security/admin_bounds.rs", "s18_an_edit_of_the_trail_is_found")],
    ),
    (
        "S19 guesses",
        &[
            ("tests/control/security/admin_bounds.rs", "s19_of_a_thousand_guesses_five_are_checked"),
            ("src/admin/auth/throttle.rs", "five_wrong_tokens_are_free_and_then_five_a_minute"),
        ],
    ),
    ("S20 pages of other sites", &[("tests/control/security/admin_bounds.rs", "s20_a_page_of_another_site_gets_nothing")]),
    ("S21 prompts are not logged", &[("tests/control/security/secrecy.rs", "s01_and_s21_no_key_and_no_prompt_is_in_any_output")]),
    ("S22 log injection", &[("tests/control/security/secrecy.rs", "s22_nothing_sent_makes_a_log_line_of_its_own")]),
    (
        "S23 vendors' error texts",
        &[
            ("tests/control/security/secrecy.rs", "s23_a_vendors_words_are_cut_and_cleaned"),
            ("tests/proxy/vendor_errors.rs", "row_75_a_vendor_that_echoes_the_key_does_not_tell_it"),
        ],
    ),
    ("93-97 the admin API's bad inputs", &[("tests/control/security/bad_inputs.rs", "rows_93_to_97_and_s17_are_refused_and_noted")]),
];

#[test]
fn each_row_is_held_by_tests_that_are_there() {
    let mut missing = Vec::new();
    for (row, tests) in ROWS {
        for (file, name) in *tests {
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default();
            let before =
                text.find(&format!("fn {name}()")).map(|at| text[..at].trim_end().lines().rev().take(2).collect::<Vec<_>>().concat());
            if !before.is_some_and(|before| before.contains("test]")) {
                missing.push(format!("{row}: {file}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
    for number in 1..=23 {
        assert!(ROWS.iter().any(|(row, _)| row.starts_with(&format!("S{number:02} "))), "S{number:02}");
    }
}

/// Everything a sidecar says or keeps: what every route answers to its admin, its dashboard, metrics, log, and files but its configuration.
pub async fn outputs(sidecar: &Sidecar) -> String {
    let mut all = String::new();
    let document = admin(sidecar, "GET", "/api/v1/openapi.json", None).await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods["get"].is_object() {
            for name in ["vendor", "filed", "caller"] {
                let path = path.replace("{name}", name);
                let answer = ask(sidecar, "admin-token", "GET", &path, "", None).await;
                assert!(answer.status() < 500, "{path}: {}", answer.text());
                all += &answer.text();
            }
        }
    }
    all += &admin(sidecar, "GET", "/api/v1/audit?format=jsonl", None).await.text();
    all += &admin(sidecar, "GET", "/", None).await.text();
    all += &Client::connect(sidecar.admin).await.get("/metrics").await.text();
    all += &sidecar.log().join("\n");
    for file in fs::read_dir(sidecar.directory()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && path.file_name().is_some_and(|name| name != "config.yaml" && name != "key") {
            all += &String::from_utf8_lossy(&fs::read(path).unwrap());
        }
    }
    all
}
