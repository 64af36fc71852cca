use std::os::unix::fs::PermissionsExt;

use super::*;

fn key() -> Arc<dyn KeyEncryptionKey> {
    Arc::new(LocalKey::read(&new_key().unwrap()).unwrap())
}

fn sealer() -> Sealer {
    Sealer::new(key(), Vec::new())
}

fn open(sealer: &Sealer, record: &str, text: &str) -> Result<String, SealError> {
    sealer.open(record, text).map(|secret| secret.expose().to_owned())
}

#[test]
fn what_is_sealed_opens_at_its_place_and_says_nothing() {
    let sealer = sealer();
    for value in ["sk-canary-1", "", "ключ \u{1f511}", &"x".repeat(10_000)] {
        let sealed = sealer.seal("providers/a/api_key", &Secret::new(value)).unwrap();
        assert!(is_sealed(&sealed) && !sealed.contains("canary"));
        assert_eq!(open(&sealer, "providers/a/api_key", &sealed).unwrap(), value);
        assert_ne!(sealer.seal("providers/a/api_key", &Secret::new(value)).unwrap(), sealed, "each has a key and a nonce of its own");
    }
}

#[test]
fn ciphertexts_swapped_between_records_are_refused() {
    let sealer = sealer();
    let [a, b] = ["a", "b"].map(|record| sealer.seal(record, &Secret::new(format!("value of {record}"))).unwrap());
    assert_eq!(open(&sealer, "a", &b), Err(SealError::Refused));
    assert_eq!(open(&sealer, "b", &a), Err(SealError::Refused));
    // Nor do the parts fit each other, even within one record.
    let again = sealer.seal("a", &Secret::new("another")).unwrap();
    let (head, _) = a.rsplit_once(':').unwrap();
    let (_, body) = again.rsplit_once(':').unwrap();
    assert_eq!(open(&sealer, "a", &format!("{head}:{body}")), Err(SealError::Refused));
}

#[test]
fn every_flipped_bit_is_found() {
    let sealer = sealer();
    let sealed: Sealed = sealer.seal("a", &Secret::new("secret")).unwrap().parse().unwrap();
    for (length, part) in [(sealed.wrapped.len(), 0), (sealed.body.len(), 1)] {
        for bit in 0..length * 8 {
            let mut changed = Sealed { key: sealed.key.clone(), wrapped: sealed.wrapped.clone(), body: sealed.body.clone() };
            let bytes = if part == 0 { &mut changed.wrapped } else { &mut changed.body };
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&sealer, "a", &changed.to_string()), Err(SealError::Refused), "part {part}, bit {bit}");
        }
    }
}

#[test]
fn what_is_cut_or_foreign_is_an_error() {
    let sealer = sealer();
    let sealed = sealer.seal("a", &Secret::new("secret")).unwrap();
    for end in 0..sealed.len() {
        assert!(open(&sealer, "a", &sealed[..end]).is_err(), "cut at {end}");
    }
    for text in ["", "enc:", "enc:v2:a:b:c", "enc:v1:a:b", "enc:v1:a:b:c:d", "enc:v1:a:*:c", &format!("{sealed}:x")] {
        assert!(matches!(open(&sealer, "a", text), Err(SealError::Malformed(_))), "{text}");
    }
}

#[test]
fn old_keys_open_until_they_are_taken_away() {
    let (first, second) = (key(), key());
    let old = Sealer::new(Arc::clone(&first), Vec::new()).seal("a", &Secret::new("v")).unwrap();
    let both = Sealer::new(Arc::clone(&second), vec![Arc::clone(&first)]);
    assert_eq!(open(&both, "a", &old).unwrap(), "v");
    let new = both.reseal("a", &old).unwrap().unwrap();
    assert_eq!(both.reseal("a", &new), Ok(None));
    assert_eq!(both.reseal("b", &old), Err(SealError::Refused));
    let only = Sealer::new(Arc::clone(&second), Vec::new());
    assert_eq!(open(&only, "a", &new).unwrap(), "v");
    let expected = SealError::UnknownKey { sealed: first.id().to_owned(), known: vec![second.id().to_owned()] };
    assert_eq!(open(&only, "a", &old), Err(expected));
    // Nor does the id of the new key make the old value one of its own.
    assert_eq!(open(&only, "a", &old.replace(first.id(), second.id())), Err(SealError::Refused));
}

#[test]
fn a_key_is_32_bytes_in_base64() {
    let text = new_key().unwrap();
    assert_eq!(LocalKey::read(&Secret::new(format!(" {}\n", text.expose()))).unwrap().id(), LocalKey::read(&text).unwrap().id());
    for bad in ["", "password", "c2hvcnQ=", &text.expose()[1..]] {
        assert!(LocalKey::read(&Secret::new(bad)).is_err_and(|error| error.contains("secret keygen")), "{bad}");
    }
}

#[test]
fn a_key_file_must_be_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kek");
    std::fs::write(&file, "text\n").unwrap();
    for (mode, is_good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false), (0o644, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(LocalKey::check_access(&file).is_ok(), is_good, "{mode:o}");
    }
    assert!(LocalKey::check_access(&folder.path().join("none")).unwrap_err().contains("cannot read"));
}
