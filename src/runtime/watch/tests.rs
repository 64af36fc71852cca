//! With real files: every way they are replaced in practice is noticed, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;

use notify::event::{DataChange, ModifyKind, RenameMode};
use notify::{Event, EventKind};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

use super::folders::{folders_of, is_idle};
use super::*;

/// Long enough for a busy machine, and still before the regular comparison would find it.
const LONG: Duration = Duration::from_secs(60);

struct Scene {
    folder: TempDir,
    watch: Watch,
    changes: Receiver<()>,
}

impl Scene {
    /// Writes the files and watches them.
    fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        for file in &files {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "first").unwrap();
        }
        Self::watching(folder, files)
    }

    fn watching(folder: TempDir, files: Vec<PathBuf>) -> Self {
        let hash = hash_files(&files);
        let (watch, changes) = Watch::start(files, hash).unwrap();
        Self { folder, watch, changes }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn changed(&mut self) {
        tokio::time::timeout(LONG, self.changes.recv()).await.expect("no change was noticed").expect("the thread has ended");
    }

    /// Reads the files as a reload would.
    fn reread(&self, names: &[&str]) {
        let files: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        let hash = hash_files(&files);
        self.watch.set_files(files, hash);
    }
}

#[tokio::test]
async fn writes_in_place() {
    let mut scene = Scene::new(&["config.yaml"]);
    for content in ["second", "third"] {
        fs::write(scene.path("config.yaml"), content).unwrap();
        scene.changed().await;
    }
}

#[tokio::test]
async fn an_editors_rename() {
    let mut scene = Scene::new(&["config.yaml"]);
    for content in ["second", "third"] {
        fs::write(scene.path(".config.yaml.swp"), content).unwrap();
        fs::rename(scene.path(".config.yaml.swp"), scene.path("config.yaml")).unwrap();
        scene.changed().await;
    }
}

#[tokio::test]
async fn a_kubelets_swap_of_the_data_link() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let generation = |number: u32| {
        let real = format!("..2026_{number}");
        fs::create_dir(at(&real)).unwrap();
        fs::write(at(&real).join("config.yaml"), number.to_string()).unwrap();
        symlink(&real, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    generation(1);
    symlink("..data/config.yaml", at("config.yaml")).unwrap();
    let file = at("config.yaml");
    let hash = hash_files(std::slice::from_ref(&file));
    let (_watch, mut changes) = Watch::start(vec![file], hash).unwrap();
    for number in 2..4 {
        generation(number);
        tokio::time::timeout(LONG, changes.recv()).await.expect("the swap was not noticed");
        fs::remove_dir_all(at(&format!("..2026_{}", number - 1))).unwrap();
    }
}

#[tokio::test]
async fn the_real_file_behind_a_link() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    fs::create_dir(folder.path().join("named")).unwrap();
    fs::write(folder.path().join("real/config.yaml"), "first").unwrap();
    symlink("../real/config.yaml", folder.path().join("named/config.yaml")).unwrap();
    let file = folder.path().join("named/config.yaml");
    let mut scene = Scene::watching(folder, vec![file]);
    fs::write(scene.path("real/config.yaml"), "second").unwrap();
    scene.changed().await;
}

#[tokio::test]
async fn a_file_that_goes_and_comes_back() {
    let mut scene = Scene::new(&["sub/config.yaml"]);
    fs::remove_file(scene.path("sub/config.yaml")).unwrap();
    scene.changed().await;
    fs::write(scene.path("sub/config.yaml"), "first").unwrap();
    scene.changed().await;
}

#[tokio::test]
async fn a_folder_that_goes_and_comes_back() {
    let mut scene = Scene::new(&["sub/config.yaml"]);
    fs::remove_dir_all(scene.path("sub")).unwrap();
    scene.changed().await;
    fs::create_dir(scene.path("sub")).unwrap();
    fs::write(scene.path("sub/config.yaml"), "second").unwrap();
    scene.changed().await;
    fs::write(scene.path("sub/config.yaml"), "third").unwrap();
    scene.changed().await;
}

#[tokio::test]
async fn a_new_set_of_files() {
    let mut scene = Scene::new(&["config.yaml"]);
    fs::create_dir(scene.path("other")).unwrap();
    fs::write(scene.path("other/key"), "first").unwrap();
    scene.reread(&["config.yaml", "other/key"]);
    fs::write(scene.path("other/key"), "second").unwrap();
    scene.changed().await;
}

#[tokio::test]
async fn a_change_between_reading_and_watching() {
    let mut scene = Scene::new(&["config.yaml"]);
    let files = vec![scene.path("config.yaml")];
    let hash = hash_files(&files);
    fs::write(scene.path("config.yaml"), "second").unwrap();
    scene.changed().await;
    // The reload had read the file before that.
    scene.watch.set_files(files, hash);
    scene.changed().await;
}

#[tokio::test]
async fn a_new_file_in_a_folder_that_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let searched = folder.path().join("providers.d");
    fs::create_dir(&searched).unwrap();
    let mut scene = Scene::watching(folder, vec![searched]);
    fs::write(scene.path("providers.d/new.yaml"), "").unwrap();
    scene.changed().await;
}

#[tokio::test]
async fn other_files_and_equal_content_are_no_change() {
    let mut scene = Scene::new(&["config.yaml"]);
    fs::write(scene.path("other"), "x").unwrap();
    fs::write(scene.path("config.yaml"), "first").unwrap();
    // Longer than the quiet after which the events above are judged.
    assert!(tokio::time::timeout(QUIET * 4, scene.changes.recv()).await.is_err());
    fs::write(scene.path("config.yaml"), "second").unwrap();
    scene.changed().await;
    assert!(scene.changes.try_recv().is_err());
}

#[tokio::test]
async fn the_thread_ends_with_the_watch() {
    let Scene { folder: _folder, watch, mut changes } = Scene::new(&["config.yaml"]);
    drop(watch);
    assert_eq!(tokio::time::timeout(LONG, changes.recv()).await, Ok(None));
}

#[test]
fn the_pace() {
    let start = Instant::now();
    let ms = |ms: u64| start + Duration::from_millis(ms);
    let mut pace = Pace::new(start);
    assert_eq!(pace.due(), start + POLL);
    pace.event(ms(100));
    assert_eq!(pace.due(), ms(300));
    pace.event(ms(250));
    assert_eq!(pace.due(), ms(450));
    for at in (400..5000).step_by(150) {
        pace.event(ms(at));
    }
    assert_eq!(pace.due(), ms(100) + PATIENCE);
    pace.compared(ms(2100));
    assert_eq!(pace.due(), ms(2100) + POLL);
}

/// A file of records, a log or a database in the configuration's folder had it read again five times a second.
#[test]
fn writing_to_a_file_beside_the_configuration_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::write(root.join("real.yaml"), "").unwrap();
    symlink("real.yaml", root.join("config.yaml")).unwrap();
    let names = names_of(&[root.join("config.yaml"), root.join("missing.key")]);
    let is_idle = |kind: ModifyKind, name: &str| is_idle(&Event::new(EventKind::Modify(kind)).add_path(root.join(name)), &names);
    let data = ModifyKind::Data(DataChange::Any);
    assert_eq!(["usage.jsonl", "config.yaml", "real.yaml", "missing.key"].map(|name| is_idle(data, name)), [true, false, false, false]);
    assert!(!is_idle(ModifyKind::Name(RenameMode::To), "..data"), "a link that is replaced");
    assert!(!super::folders::is_idle(&Event::new(EventKind::Other), &names));
}

#[test]
fn folders_to_watch() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/file"), "").unwrap();
    symlink("a", root.join("b")).unwrap();
    let files = [root.join("b/file"), root.join("missing/deeper/file"), root.join("a")];
    assert_eq!(folders_of(&files).into_iter().collect::<Vec<_>>(), [root.clone(), root.join("a"), root.join("b")]);
    assert_eq!(folders_of(&[PathBuf::from("no-such-file.yaml")]).into_iter().collect::<Vec<_>>(), [PathBuf::from(".")]);
}
