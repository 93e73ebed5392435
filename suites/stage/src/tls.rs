//! TLS: whom to trust, who to be, and in which words it is said that it did not come about.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
};
use twinproof_evidence::record::{CLEAR, LATE, Turn};
use twinproof_kernel::http::Scrutiny;

use crate::certificates::{Authority, Certificate};

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

/// The authorities that the profile names, if it names any.
pub(crate) fn roots(trust: &Trust) -> Result<Option<RootCertStore>, String> {
    let Some(ca_file) = &trust.ca_file else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_file, "tls.ca_file")? {
        roots
            .add(certificate)
            .map_err(|e| format!("tls.ca_file: {}: {e}", ca_file.display()))?;
    }
    Ok(Some(roots))
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
    let Some(roots) = roots(trust)? else {
        return match identity {
            Some(_) => Err("tls.client_certificate needs tls.ca_file: whom else to trust?".into()),
            None => Ok(None),
        };
    };
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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// TLS of a server that shows this.
pub(crate) fn shown(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, String> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|building| building.with_no_client_auth().with_single_cert(chain, key))
        .map(Arc::new)
        .map_err(|e| format!("TLS: {e}"))
}

/// TLS of a built-in system that trusts an authority beside others and looks at so much of a certificate, at a
/// time in seconds since 1970.
pub(crate) fn examiner(
    authority: &Authority,
    mut roots: RootCertStore,
    scrutiny: Scrutiny,
    now: u64,
) -> Result<Arc<ClientConfig>, String> {
    let fail = |e: &dyn std::fmt::Display| format!("TLS: {e}");
    let own = authority.certificate().clone();
    roots.add(own).map_err(|e| fail(&e))?;
    let whole = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let whole = whole.build().map_err(|e| fail(&e))?;
    let building = ClientConfig::builder_with_details(provider(), Arc::new(At(now)));
    let building = building
        .with_safe_default_protocol_versions()
        .map_err(|e| fail(&e))?;
    let verifier = Arc::new(Examiner { whole, scrutiny });
    let building = building
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(Arc::new(building.with_no_client_auth()))
}

/// A clock that stands still, in seconds since 1970.
#[derive(Debug)]
struct At(u64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

/// Overlooks of a certificate what a system does not look at: all but the whole is for systems that are broken.
#[derive(Debug)]
struct Examiner {
    whole: Arc<WebPkiServerVerifier>,
    scrutiny: Scrutiny,
}

impl Examiner {
    fn overlooks(&self, why: &CertificateError) -> bool {
        match why {
            CertificateError::BadSignature | CertificateError::UnknownIssuer => {
                !self.scrutiny.authority
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                !self.scrutiny.name
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => !self.scrutiny.dates,
            _ => false,
        }
    }
}

impl ServerCertVerifier for Examiner {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.whole.verify_server_cert(own, chain, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(why)) if self.overlooks(&why) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.whole.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.whole.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.whole.supported_verify_schemes()
    }
}

/// How a handshake ended for either side.
pub(crate) struct Shaken {
    pub(crate) client: Result<(), rustls::Error>,
    pub(crate) server: Result<(), rustls::Error>,
}

/// Lets a client and a server shake hands with nothing between them.
///
/// # Errors
///
/// The host has no name that can be asked for.
pub(crate) fn shake_hands(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    host: &str,
) -> Result<Shaken, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|e| format!("TLS: {host}: {e}"))?;
    let fail = |e: rustls::Error| format!("TLS: {e}");
    let mut client = ClientConnection::new(client, name).map_err(fail)?;
    let mut server = ServerConnection::new(server).map_err(fail)?;
    let mut shaken = Shaken {
        client: Ok(()),
        server: Ok(()),
    };
    // Either side has its say, and its last words where it broke off.
    while client.wants_write() || server.wants_write() {
        let mut said = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut said).map_err(|e| e.to_string())?;
        }
        let heard = hear(&mut said.as_slice(), |said| {
            server.read_tls(said)?;
            Ok(server.process_new_packets().map(drop))
        });
        shaken.server = shaken.server.and(heard?);
        let mut said = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut said).map_err(|e| e.to_string())?;
        }
        let heard = hear(&mut said.as_slice(), |said| {
            client.read_tls(said)?;
            Ok(client.process_new_packets().map(drop))
        });
        shaken.client = shaken.client.and(heard?);
    }
    Ok(shaken)
}

type Heard = Result<(), rustls::Error>;

fn hear(
    said: &mut &[u8],
    mut read: impl FnMut(&mut &[u8]) -> io::Result<Heard>,
) -> Result<Heard, String> {
    while !said.is_empty() {
        match read(said).map_err(|e| e.to_string())? {
            Ok(()) => {}
            broken => return Ok(broken),
        }
    }
    Ok(Ok(()))
}

/// How a handshake ended that somebody began with a server of ours.
pub(crate) fn turn(shaken: Result<(), &(dyn Error + 'static)>) -> Turn {
    let ended = |how: &str, words: String, alert| Turn::Ended {
        how: how.to_owned(),
        words,
        ours: false,
        alert,
        again: false,
    };
    match shaken.map_err(|error| (of_tls(error), error)) {
        Ok(()) => Turn::Agreed,
        Err((Some(rustls::Error::AlertReceived(alert)), _)) => {
            let words = format!("it was refused ({alert:?})");
            ended("refused", words, Some(format!("{alert:?}")))
        }
        Err((Some(error), _)) => ended("broken", error.to_string(), None),
        Err((None, error)) => ended("left", error.to_string(), None),
    }
}

/// How it ended for somebody who sent HTTP where TLS is spoken.
pub(crate) fn in_the_clear() -> Turn {
    Turn::Ended {
        how: CLEAR.to_owned(),
        words: "it spoke HTTP in the clear".to_owned(),
        ours: false,
        alert: None,
        again: false,
    }
}

/// How it ended for somebody who spoke where this was shown, and something else is by now.
pub(crate) fn too_late(shown: Certificate) -> Turn {
    Turn::Ended {
        how: LATE.to_owned(),
        words: format!("it spoke behind {shown}, which was not shown any more"),
        ours: false,
        alert: None,
        again: false,
    }
}

/// What was expected, what came and what to do, if it is TLS that an exchange broke on.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    of_tls(error).map(words)
}

/// The error of TLS behind another one.
fn of_tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut source: Option<&'e (dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
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

pub(crate) fn words(error: &rustls::Error) -> String {
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
