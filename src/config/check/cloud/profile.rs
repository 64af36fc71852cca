//! AWS's files of profiles: sections in brackets, `key = value` below them.

use std::collections::HashMap;

/// The profiles of both files; where both say something of one, the credentials' file wins.
pub(super) struct Profiles(HashMap<String, HashMap<String, String>>);

impl Profiles {
    pub(super) fn read(credentials: &str, config: &str) -> Self {
        let mut all = Self(HashMap::new());
        all.add(config, |section| if section == "default" { Some("default") } else { section.strip_prefix("profile ").map(str::trim) });
        all.add(credentials, |section| Some(section));
        all
    }

    pub(super) fn get(&self, profile: &str, key: &str) -> Option<&str> {
        self.0.get(profile)?.get(key).map(String::as_str)
    }

    /// Whether the profile says who one is.
    pub(super) fn has_identity(&self, profile: &str) -> bool {
        ["aws_access_key_id", "credential_process", "role_arn"].iter().any(|key| self.get(profile, key).is_some())
    }

    fn add(&mut self, text: &str, name: impl Fn(&str) -> Option<&str>) {
        let mut profile = None;
        for line in text.lines() {
            // What is indented belongs to the key before it and is of no use here.
            if line.starts_with([' ', '\t', '#', ';']) {
                continue;
            }
            if let Some(section) = line.trim().strip_prefix('[') {
                profile = section.split(']').next().map(str::trim).and_then(&name).map(str::to_owned);
            } else if let (Some(profile), Some((key, value))) = (&profile, line.split_once('=')) {
                let value = value.split(" #").next().unwrap_or_default().trim();
                if !value.is_empty() {
                    self.0.entry(profile.clone()).or_default().insert(key.trim().to_ascii_lowercase(), value.to_owned());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_read_and_the_credentials_win() {
        let credentials = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=s=/+\n\n[ dev ]\nAWS_Access_Key_Id = D # note\n";
        let config = "[default]\nregion = eu-west-1\naws_access_key_id = B\ns3 =\n  max = 1\n[profile dev]\nrole_arn = arn:x\n[dev2]\nregion = no\n[sso-session x]\nregion = no\n";
        let profiles = Profiles::read(credentials, config);
        assert_eq!(profiles.get("default", "aws_access_key_id"), Some("A"));
        assert_eq!(profiles.get("default", "aws_secret_access_key"), Some("s=/+"));
        assert_eq!(profiles.get("default", "region"), Some("eu-west-1"));
        assert_eq!((profiles.get("default", "s3"), profiles.get("default", "max")), (None, None));
        assert_eq!((profiles.get("dev", "aws_access_key_id"), profiles.get("dev", "role_arn")), (Some("D"), Some("arn:x")));
        assert!(profiles.get("dev2", "region").is_none() && profiles.get("x", "region").is_none());
        assert!(profiles.has_identity("dev") && !profiles.has_identity("other"));
    }
}
