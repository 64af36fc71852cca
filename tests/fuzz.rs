//! The fuzz targets over their corpora and over the golden translations, so that they cannot rot. `FUZZ_SEEDS=FOLDER` writes the
//! latter down, for the fuzzer to start from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

use llm_sidecar::chat::{DialectId, Dropped};
use llm_sidecar::dialect::embeddings::{self, Input, Task, Vector};
use llm_sidecar::dialect::{Quirks, To, rerank};
use serde_json::value::RawValue;

#[path = "../fuzz/src/lib.rs"]
mod targets;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// The golden translations as inputs: (target, input).
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = vec![("config", fs::read(root().join("config.example.yaml")).unwrap())];
    for (id, at) in DialectId::ALL.into_iter().zip(0u8..) {
        let folder = root().join("tests/fixtures").join(id.as_str());
        let files = |side: &str| list(&folder.join(side)).into_iter().flat_map(|case| list(&case)).collect::<Vec<_>>();
        let mut add = |target, head: &[u8], file: &Path| seeds.push((target, [head, &fs::read(file).unwrap()].concat()));
        for file in files("client").iter().filter(|file| file.ends_with("client_request.json")) {
            add("request", &[at], file);
        }
        for file in files("vendor").iter().filter(|file| file.file_stem().is_some_and(|stem| stem == "upstream_answer")) {
            if file.extension().is_some_and(|kind| kind != "json") {
                add("stream", &[at, 7, 5], file);
                add("relay", &[at], file);
                add(
                    "framing",
                    &[
                        match file.extension().unwrap().to_str().unwrap() {
                            "sse" => 0,
                            "jsonl" => 1,
                            _ => 2,
                        },
                        7,
                        5,
                    ],
                    file,
                );
            } else if file.parent().unwrap().ends_with("error") {
                add("error", &[at, 29], file);
            } else {
                add("answer", &[at], file);
            }
        }
    }
    seeds.extend(embeddings_seeds().into_iter().map(|input| ("embeddings", input)));
    seeds.extend(rerank_seeds().into_iter().map(|input| ("rerank", input)));
    seeds
}

/// Every format asking a vendor of every format, with the answer of one that is well.
fn embeddings_seeds() -> Vec<Vec<u8>> {
    let numbers = |text: &str| Vector::Numbers(RawValue::from_string(text.to_owned()).unwrap());
    let inputs = vec![Input::Text("sea".to_owned())];
    let request = embeddings::Request { inputs, dimensions: Some(2), task: Some(Task::Query), ..Default::default() };
    let answer = embeddings::Answer { vectors: vec![numbers("[0.5,-1e-3]")], tokens: Some(3) };
    let (quirks, mut dropped) = (Quirks::default(), Dropped::default());
    let to = To { model: "m", quirks: &quirks, want_usage: true };
    let mut seeds = Vec::new();
    for (client, at) in targets::side::EMBEDDINGS.into_iter().zip(0u8..) {
        for (vendor, to_at) in targets::side::EMBEDDINGS.into_iter().zip(0u8..) {
            let asked = embeddings::embeddings(client).write_request(&request, &to, &mut dropped).unwrap();
            let reply = embeddings::Reply { model: "m", request: &request };
            let answered = embeddings::embeddings(vendor).write_answer(&answer, &reply).unwrap();
            seeds.push([&[at, to_at], &*asked, &[targets::side::BETWEEN], &*answered].concat());
        }
    }
    seeds
}

fn rerank_seeds() -> Vec<Vec<u8>> {
    let request = rerank::Request { query: "sea".to_owned(), documents: vec!["a".to_owned(), "b".to_owned()], ..Default::default() };
    let score = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let results = vec![rerank::Ranked { index: 1, score: score("0.9") }, rerank::Ranked { index: 0, score: score("1e-7") }];
    let answer = rerank::Answer { results, tokens: Some(3) };
    let quirks = Quirks::default();
    let to = To { model: "m", quirks: &quirks, want_usage: true };
    let mut seeds = Vec::new();
    for (client, at) in targets::side::RERANK.into_iter().zip(0u8..) {
        for (vendor, to_at) in targets::side::RERANK.into_iter().zip(0u8..) {
            let asked = rerank::rerank(client).write_request(&request, &to);
            let answered = rerank::rerank(vendor).write_answer(&answer, &rerank::Reply { model: "m", request: &request });
            seeds.push([&[at, to_at], &*asked, &[targets::side::BETWEEN], &*answered].concat());
        }
    }
    seeds
}

#[test]
fn no_target_fails_on_its_corpus() {
    let mut inputs: Vec<(&str, String, Vec<u8>)> = Vec::new();
    for (target, _) in targets::TARGETS {
        let files = list(&root().join("fuzz/corpus").join(target));
        assert!(!files.is_empty(), "{target} has no corpus");
        inputs.extend(files.iter().map(|file| (target, file.display().to_string(), fs::read(file).unwrap())));
    }
    inputs.extend(seeds().into_iter().zip(0..).map(|((target, input), at)| (target, format!("seed {at}"), input)));
    for (target, run) in targets::TARGETS {
        let own: Vec<_> = inputs.iter().filter(|(of, ..)| *of == target).collect();
        for (_, name, input) in &own {
            println!("{target}: {name}"); // shown when it fails
            run(input);
        }
    }
}

#[test]
fn every_target_has_its_binary_and_seeds() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let seeds = seeds();
    for (target, _) in targets::TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{target}\"")) && root().join(format!("fuzz/targets/{target}.rs")).exists(),
            "{target}"
        );
        assert!(seeds.iter().any(|(of, _)| *of == target), "{target} has no seed");
    }
    let Some(folder) = std::env::var_os("FUZZ_SEEDS").map(PathBuf::from) else { return };
    for ((target, input), at) in seeds.into_iter().zip(0..) {
        fs::create_dir_all(folder.join(target)).unwrap();
        fs::write(folder.join(target).join(format!("seed{at:03}")), input).unwrap();
    }
}
