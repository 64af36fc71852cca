//! What users of the admin API may do.

use std::collections::BTreeSet;

/// One thing that a route of the admin API asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    AuditRead,
    BreakersRead,
    BreakersWrite,
    ClientsRead,
    ClientsWrite,
    ConfigRead,
    ConfigReload,
    LimitsRead,
    LogsRead,
    LogsWrite,
    ModelsRead,
    ModelsWrite,
    PlaygroundUse,
    PricesRead,
    PricesWrite,
    ProvidersRead,
    ProvidersTest,
    ProvidersWrite,
    SecretsRotate,
    UsageRead,
}

impl Permission {
    pub const ALL: [Self; 20] = [
        Self::AuditRead,
        Self::BreakersRead,
        Self::BreakersWrite,
        Self::ClientsRead,
        Self::ClientsWrite,
        Self::ConfigRead,
        Self::ConfigReload,
        Self::LimitsRead,
        Self::LogsRead,
        Self::LogsWrite,
        Self::ModelsRead,
        Self::ModelsWrite,
        Self::PlaygroundUse,
        Self::PricesRead,
        Self::PricesWrite,
        Self::ProvidersRead,
        Self::ProvidersTest,
        Self::ProvidersWrite,
        Self::SecretsRotate,
        Self::UsageRead,
    ];

    /// As it is written in `admin.roles`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuditRead => "audit:read",
            Self::BreakersRead => "breakers:read",
            Self::BreakersWrite => "breakers:write",
            Self::ClientsRead => "clients:read",
            Self::ClientsWrite => "clients:write",
            Self::ConfigRead => "config:read",
            Self::ConfigReload => "config:reload",
            Self::LimitsRead => "limits:read",
            Self::LogsRead => "logs:read",
            Self::LogsWrite => "logs:write",
            Self::ModelsRead => "models:read",
            Self::ModelsWrite => "models:write",
            Self::PlaygroundUse => "playground:use",
            Self::PricesRead => "prices:read",
            Self::PricesWrite => "prices:write",
            Self::ProvidersRead => "providers:read",
            Self::ProvidersTest => "providers:test",
            Self::ProvidersWrite => "providers:write",
            Self::SecretsRotate => "secrets:rotate",
            Self::UsageRead => "usage:read",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }
}

/// A name and what it permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub permissions: BTreeSet<Permission>,
}

impl Role {
    /// The roles that are always there, the least first.
    pub const BUILT_IN: [&'static str; 3] = ["viewer", "operator", "admin"];

    /// viewer reads, but not the audit trail; operator also reads that, reloads, tests, and sets breakers and the log's level; admin
    /// may do everything.
    pub fn built_in(name: &str) -> Option<Self> {
        let is_read = |permission: &Permission| permission.as_str().ends_with(":read");
        let permissions = match name {
            "viewer" => Permission::ALL.into_iter().filter(|p| is_read(p) && *p != Permission::AuditRead).collect(),
            "operator" => {
                use Permission::{BreakersWrite, ConfigReload, LogsWrite, PlaygroundUse, ProvidersTest};
                let more = [BreakersWrite, ConfigReload, LogsWrite, PlaygroundUse, ProvidersTest];
                Permission::ALL.into_iter().filter(is_read).chain(more).collect()
            }
            "admin" => Permission::ALL.into_iter().collect(),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), permissions })
    }

    /// What any of these roles permits; `None` if there is none of them.
    pub fn union<'a>(roles: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut roles = roles.into_iter();
        let mut union = roles.next()?.clone();
        for role in roles.filter(|role| !role.permissions.is_empty()) {
            if !role.permissions.is_subset(&union.permissions) {
                union.name = if union.permissions.is_subset(&role.permissions) {
                    role.name.clone()
                } else {
                    format!("{}+{}", union.name, role.name)
                };
                union.permissions.extend(&role.permissions);
            }
        }
        Some(union)
    }

    /// With no permission at all.
    pub fn nothing(name: &str) -> Self {
        Self { name: name.to_owned(), permissions: BTreeSet::new() }
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_roles_grow_and_names_are_found_again() {
        let [viewer, operator, admin] = Role::BUILT_IN.map(|name| Role::built_in(name).unwrap());
        assert!(viewer.permissions.is_subset(&operator.permissions) && operator.permissions.is_subset(&admin.permissions));
        assert!(!viewer.may(Permission::AuditRead) && !operator.may(Permission::ProvidersWrite));
        assert!(Permission::ALL.into_iter().all(|permission| Permission::find(permission.as_str()) == Some(permission)));
        assert_eq!(admin.permissions.len(), Permission::ALL.len());
        assert_eq!(Role::union([&viewer, &admin, &operator]), Some(admin));
        assert_eq!(Role::union([]), None);
        let [one, other] = [("a", Permission::UsageRead), ("b", Permission::LogsWrite)]
            .map(|(name, permission)| Role { permissions: [permission].into(), ..Role::nothing(name) });
        let both = Role::union([&one, &other]).unwrap();
        assert_eq!((both.name.as_str(), both.permissions.len()), ("a+b", 2));
    }
}
