//! Compresses the dashboard's files ahead, so that the binary carries them small and no request pays for it, and has the linker put
//! together what every process runs.
#![expect(clippy::expect_used, clippy::panic, reason = "a build that cannot go on has to stop, and cargo reads what it prints")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

const FOLDER: &str = "src/admin/ui/assets";
const LAYOUT: &str = "layout.ld";
/// Of a build by a profile of requests, which has other functions, in sections of other names.
const GUIDED_LAYOUT: &str = "profile/layout.ld";
/// What stands before rustc and has a release built by the profile.
const GUIDE: &str = "profile/rustc";

fn main() {
    compress();
    lay_out();
}

/// By a list that `scripts/layout` makes. The kernel maps code in pieces of 64 KiB; scattered, a fifth of the code would have most of
/// it in the memory of a process that has nothing to do.
fn lay_out() {
    let layout = if is_guided() { GUIDED_LAYOUT } else { LAYOUT };
    println!("cargo::rerun-if-changed={layout}");
    // These linkers read no scripts.
    let reads = !["mold", "gold", "wild"].iter().any(|linker| (given("CARGO_ENCODED_RUSTFLAGS") + &given("RUSTC_LINKER")).contains(linker));
    if given("CARGO_CFG_TARGET_OS") == "linux" && reads {
        println!("cargo::rustc-link-arg-bins=-T{}", Path::new(&given("CARGO_MANIFEST_DIR")).join(layout).display());
    }
}

/// Whether the sidecar is built by a profile: the project's, or one that was asked for.
fn is_guided() -> bool {
    println!("cargo::rerun-if-env-changed=RUSTC_WRAPPER");
    println!("cargo::rerun-if-changed=profile");
    let (wrapper, out, target) = (given("RUSTC_WRAPPER"), given("OUT_DIR"), given("TARGET"));
    // A folder of its own says that a target was named.
    let is_native = !out.contains(&format!("/{target}/release/"));
    let guides = || Command::new(&wrapper).args(["--guides", &given("RUSTC"), &out]).status().is_ok_and(|status| status.success());
    given("CARGO_ENCODED_RUSTFLAGS").contains("profile-use") || (wrapper.ends_with(GUIDE) && is_native && guides())
}

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn compress() {
    println!("cargo::rerun-if-changed={FOLDER}");
    let out = std::env::var("OUT_DIR").expect("cargo names the folder");
    let mut names: Vec<String> = fs::read_dir(FOLDER)
        .expect("the dashboard's files")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .collect();
    names.sort();
    let mut table = String::from("&[\n");
    for name in names {
        let content = fs::read(Path::new(FOLDER).join(&name)).expect("a file of the dashboard");
        let file = Path::new(&out).join(format!("{name}.gz"));
        let mut packed = GzEncoder::new(File::create(&file).expect("a compressed file"), Compression::best());
        std::io::Write::write_all(&mut packed, &content).expect("it is written");
        packed.finish().expect("it is written whole");
        let kind = match name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => panic!("{name}: of what kind is it?"),
        };
        let tag = format!("{:016x}", fnv(&content));
        writeln!(table, "    Asset {{ name: {name:?}, kind: {kind:?}, tag: \"\\\"{tag}\\\"\", gzip: include_bytes!({file:?}) }},")
            .expect("a text grows");
    }
    table.push_str("]\n");
    fs::write(Path::new(&out).join("assets.rs"), table).expect("the table is written");
}

/// FNV-1a: tells one version of a file from the next.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
