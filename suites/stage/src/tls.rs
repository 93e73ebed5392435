//! TLS: whom to trust, who to be, and in which words it is said that it did not come about.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore, ServerConfig};

/// Whom to trust and who to be.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The certificates that sign the system's; the platform's own if none (PEM).
    pub ca_file: Option<PathBuf>,
    /// The certificate chain that simulated parties present (PEM).
    pub client_certificate: Option<PathBuf>,
    /// Its key (PEM).
    pub client_key: Option<PathBuf>,
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| format!("{key}: {}: {e}", path.display()))?;
    if read.is_empty() {
        return Err(format!("{key}: {} holds no certificate", path.display()));
    }
    Ok(read)
}

fn private_key(path: &Path, key: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| format!("{key}: {}: {e}", path.display()))
}

/// The client's TLS, where the profile asks for more than the platform's own.
pub(crate) fn client(trust: &Trust) -> Result<Option<ClientConfig>, String> {
    let identity = match (&trust.client_certificate, &trust.client_key) {
        (Some(certificate), Some(key)) => Some((
            certificates(certificate, "tls.client_certificate")?,
            private_key(key, "tls.client_key")?,
        )),
        (None, None) => None,
        _ => return Err("tls.client_certificate and tls.client_key go together".to_owned()),
    };
    let Some(ca_file) = &trust.ca_file else {
        return match identity {
            Some(_) => Err("tls.client_certificate needs tls.ca_file: whom else to trust?".into()),
            None => Ok(None),
        };
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_file, "tls.ca_file")? {
        roots
            .add(certificate)
            .map_err(|e| format!("tls.ca_file: {}: {e}", ca_file.display()))?;
    }
    let building = ClientConfig::builder().with_root_certificates(roots);
    match identity {
        Some((chain, key)) => building
            .with_client_auth_cert(chain, key)
            .map(Some)
            .map_err(|e| format!("tls.client_certificate and tls.client_key: {e}")),
        None => Ok(Some(building.with_no_client_auth())),
    }
}

/// TLS of the harness's own doors.
pub(crate) fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let chain = certificates(certificate, "harness.certificate")?;
    let key = private_key(key, "harness.key")?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map(Arc::new)
        .map_err(|e| format!("harness.certificate and harness.key: {e}"))
}

/// What was expected, what came and what to do, if it is TLS that an exchange broke on.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(words(found));
        }
        // What an I/O error wraps is not its source, but itself.
        let wrapped = error.downcast_ref::<io::Error>().and_then(|e| e.get_ref());
        source = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => certificate_words(why),
        rustls::Error::AlertReceived(alert) => alert_words(*alert),
        rustls::Error::InvalidMessage(_) => {
            "TLS: expected a TLS handshake, got something else; does the system speak plain http:// \
             at this port?"
                .to_owned()
        }
        other => format!("TLS: {other}"),
    }
}

fn certificate_words(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "TLS: expected a certificate that an authority in tls.ca_file has signed (without that \
             key: one that this machine trusts), got one of another issuer; name the system's \
             authority in tls.ca_file"
                .to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "TLS: expected a certificate for {}, got one for {}; if the system goes by that name, \
             set tls.server_name to it",
            expected.to_str(),
            if presented.is_empty() {
                "no name at all".to_owned()
            } else {
                presented.join(", ")
            }
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
            "TLS: expected a certificate that is valid now, got one that has expired ({why}); renew \
             the system's certificate, or set this machine's clock"
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
            "TLS: expected a certificate that is valid now, got one that is not valid yet ({why}); \
             set this machine's clock, or the system's certificate"
        ),
        other => format!("TLS: expected a certificate that can be verified, got one with: {other}"),
    }
}

fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "TLS: the system expects a client certificate and got none; set tls.client_certificate \
             and tls.client_key"
                .to_owned()
        }
        AlertDescription::AccessDenied
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => format!(
            "TLS: the system expects another client certificate than it got ({alert:?}); set \
             tls.client_certificate to one that it trusts"
        ),
        // Before TLS 1.3 there is no alert of its own for a missing certificate.
        AlertDescription::HandshakeFailure => {
            "TLS: the system broke off the handshake; either it expects a client certificate \
             (tls.client_certificate), or the two have no version or cipher in common"
                .to_owned()
        }
        AlertDescription::UnrecognisedName => {
            "TLS: the system does not go by the name that it was asked for; set tls.server_name to \
             one that it knows"
                .to_owned()
        }
        other => format!("TLS: the system broke off with {other:?}"),
    }
}
