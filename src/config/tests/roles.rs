//! Roles of the admin API.

use super::{errors, good};
use crate::config::Permission;

const PROVIDERS: &str = "providers: {p: {type: openai_compatible, base_url: 'https://h.example/v1'}}\n";

#[test]
fn a_role_of_the_file_has_its_permissions_and_no_others() {
    let config = good(&format!(
        "{PROVIDERS}admin:\n  tokens: [{{name: a, role: deployer, token: \"${{KEY}}\"}}]\n  roles: {{deployer: ['providers:write']}}\n"
    ));
    let role = &config.admin.tokens[0].role;
    assert!(role.may(Permission::ProvidersWrite) && !role.may(Permission::ProvidersRead));
}

#[test]
fn unknown_roles_and_permissions_are_errors() {
    let found = errors(&format!(
        "{PROVIDERS}admin:\n  tokens: [{{name: a, role: root, token: \"${{KEY}}\"}}]\n  roles: {{viewer: ['providers:wite']}}\n"
    ));
    assert!(found.iter().any(|error| error.contains("unknown role `root`")), "{found:?}");
    assert!(found.iter().any(|error| error.contains("built-in role")), "{found:?}");
    assert!(found.iter().any(|error| error.contains("unknown permission `providers:wite`")), "{found:?}");
}
