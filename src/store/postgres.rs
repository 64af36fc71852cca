//! PostgreSQL, which several replicas share.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use postgres::config::SslMode;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::sql::{Row, Sql, StoreError, Value};
use crate::base::secret::Secret;

const CONNECT: Duration = Duration::from_secs(3);
/// A peer that acknowledges nothing for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(5);
/// In the server's words.
const STATEMENT: &str = "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=10s";
pub(super) const CHANNEL: &str = "llm_sidecar";

/// Where the database is, and whom to trust.
#[derive(Clone)]
pub(super) struct Place {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Place {
    /// # Errors
    /// If the URL or the certificates are none; the text holds nothing of the URL.
    pub(super) fn new(url: &Secret, ca_pem: Option<&[u8]>) -> Result<Self, String> {
        let mut config: Config = url.expose().parse().map_err(|error: postgres::Error| reason(&error))?;
        config.connect_timeout(CONNECT).tcp_user_timeout(SILENCE).application_name("llm-sidecar");
        let options = config.get_options().map_or_else(|| STATEMENT.to_owned(), |own| format!("{STATEMENT} {own}"));
        config.options(&options);
        if ca_pem.is_some() {
            config.ssl_mode(SslMode::Require);
        }
        let mut roots = RootCertStore::empty();
        match ca_pem {
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|error| format!("the CA file is not PEM: {error}"))?;
                    roots.add(certificate).map_err(|error| format!("a certificate of the CA file cannot be used: {error}"))?;
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config, tls: MakeRustlsConnect::new(tls) })
    }

    pub(super) fn connect(&self) -> Result<Client, StoreError> {
        self.config.connect(self.tls.clone()).map_err(|error| failed(&error))
    }
}

pub(super) struct Postgres(pub Client);

/// Without values: of the database's own messages only what says what kind of failure it was.
fn failed(error: &postgres::Error) -> StoreError {
    StoreError::Unavailable(reason(error))
}

fn reason(error: &postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => format!("{} (SQLSTATE {})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.as_str().to_sql(kind, out),
            Self::Integer(number) => number.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT || *kind == Type::INT8
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if *kind == Type::INT8 { i64::from_sql(kind, raw).map(Self::Integer) } else { String::from_sql(kind, raw).map(Self::Text) }
    }

    fn from_sql_null(_kind: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT || *kind == Type::INT8
    }
}

impl Sql for Postgres {
    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.batch_execute(sql).map_err(|error| failed(&error))
    }

    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
        self.0.execute(sql, &parameters).map_err(|error| failed(&error))
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
        let rows = self.0.query(sql, &parameters).map_err(|error| failed(&error))?;
        let read =
            |row: &postgres::Row| (0..row.len()).map(|index| row.try_get(index).map_err(|e| StoreError::Corrupt(e.to_string()))).collect();
        rows.iter().map(read).collect()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.batch("BEGIN; LOCK TABLE llm_sidecar_meta IN EXCLUSIVE MODE")
    }

    fn tell(&mut self, revision: i64) -> Result<(), StoreError> {
        self.execute("SELECT pg_notify('llm_sidecar', $1)", &[Value::Text(revision.to_string())]).map(drop)
    }
}
