//! What the tester's own servers show over TLS: good certificates, and one for each way of being bad.

use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{RootCertStore, ServerConfig};
use twinproof_kernel::http::Scrutiny;

use crate::tls;

/// What [`Authority`] calls itself. Its files need not say it.
const NAME: &str = "Twinproof authority for tests";

/// Who signs what is shown by somebody whom nobody knows.
const NOBODY: &str = "Authority that nobody knows";

/// For whom a certificate is that is for somebody else.
const ELSEWHERE: &str = "elsewhere.twinproof.test";

const DAY: u64 = 24 * 3600;

/// Clocks of devices go wrong by some hours; that is no reason to find a certificate good or bad.
const MARGIN: u64 = 2 * DAY;

const MONTH: u64 = 30 * DAY;

const YEARS: u64 = 3650 * DAY;

/// What a server shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// It was good until two days ago.
    Expired,
    /// Nothing is wrong with it.
    Good,
    /// It will be good in two days.
    NotYetValid,
    /// An authority has signed it that nobody knows.
    OfOtherAuthority,
    /// It is for another host.
    OfOtherName,
    /// Its own key has signed it.
    SelfSigned,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "a certificate that has expired",
            Self::Good => "a good certificate",
            Self::NotYetValid => "a certificate that is not valid yet",
            Self::OfOtherAuthority => "a certificate of an authority that nobody knows",
            Self::OfOtherName => "a certificate for another host",
            Self::SelfSigned => "a certificate that it signed itself",
        })
    }
}

/// Who signs the certificates of the tester's servers.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    own: CertificateDer<'static>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// Where an authority is kept.
#[derive(Clone, Debug)]
pub struct AuthorityFiles {
    /// Its certificate, which systems have to trust (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
}

/// Servers of the tester's that show certificates.
#[derive(Clone, Debug)]
pub struct Shows {
    /// Who signs them.
    pub authority: Arc<Authority>,
    /// The name or address under which systems reach them.
    pub host: String,
    /// The address at which they listen.
    pub listen: IpAddr,
    /// The certificate of the authority, if it was made just now: nobody trusts it yet.
    pub made: Option<PathBuf>,
}

impl Shows {
    /// Servers that are reached as this host, at ports of this address; the authority is kept in files, or made.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written or is not what it should be, or nobody can be called like the host; the words
    /// begin with `key`, the section of the profile.
    pub fn of(
        key: &str,
        files: &AuthorityFiles,
        host: &str,
        listen: IpAddr,
    ) -> Result<Self, String> {
        let now = crate::network::seconds();
        let name = host.trim_matches(['[', ']']);
        if let Err(error) = ServerName::try_from(name.to_owned()) {
            return Err(format!(
                "{key}.host: expected a name or an address such as tester.example, got {host:?}: {error}"
            ));
        }
        let (authority, is_new) = Authority::kept(key, files, now)?;
        Ok(Self {
            authority: Arc::new(authority),
            host: name.to_owned(),
            listen,
            made: is_new.then(|| files.certificate.clone()),
        })
    }
}

fn failed(error: rcgen::Error) -> String {
    format!("no certificate: {error}")
}

/// `span` is in seconds since 1970.
fn params(name: &str, span: (u64, u64)) -> CertificateParams {
    let at = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = at(span.0);
    params.not_after = at(span.1);
    params
}

fn of_authority(name: &str, now: u64) -> CertificateParams {
    let mut params = params(name, (now.saturating_sub(MARGIN), now + YEARS));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Authority {
    /// A new one, at a time in seconds since 1970.
    ///
    /// # Errors
    ///
    /// No key can be made.
    pub fn new(now: u64) -> Result<Self, String> {
        Ok(Self::named(NAME, now)?.0)
    }

    /// The authority, and its certificate as a file has it (PEM).
    fn named(name: &str, now: u64) -> Result<(Self, String), String> {
        let key = KeyPair::generate().map_err(failed)?;
        let params = of_authority(name, now);
        let own = params.self_signed(&key).map_err(failed)?;
        let made = Self {
            issuer: Issuer::new(params, key),
            own: own.der().clone(),
        };
        Ok((made, own.pem()))
    }

    /// The one that is kept in these files, which are made where neither is there. Says whether they were.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written, or they are not of an authority that was made here; the words begin with
    /// `key`, the section of the profile.
    fn kept(key: &str, files: &AuthorityFiles, now: u64) -> Result<(Self, bool), String> {
        let (certificate, secret) = (&files.certificate, &files.key);
        match (certificate.exists(), secret.exists()) {
            (false, false) => {
                let (made, text) = Self::named(NAME, now)?;
                // The key first: a certificate without one would be in the way of the next run.
                write_secret(secret, &made.issuer.key().serialize_pem())
                    .map_err(|e| format!("{key}.authority_key: {}: {e}", secret.display()))?;
                std::fs::write(certificate, text)
                    .map_err(|e| format!("{key}.authority: {}: {e}", certificate.display()))?;
                Ok((made, true))
            }
            (true, true) => Ok((Self::read(key, files, now)?, false)),
            (there, _) => {
                let (missing, lost) = match there {
                    true => ("authority_key", secret),
                    false => ("authority", certificate),
                };
                Err(format!(
                    "{key}.{missing}: expected both files or neither, got no {}; take the other one away, and both \
                     are made anew",
                    lost.display()
                ))
            }
        }
    }

    fn read(key: &str, files: &AuthorityFiles, now: u64) -> Result<Self, String> {
        let at = files.certificate.display();
        let own = CertificateDer::from_pem_file(&files.certificate)
            .map_err(|e| format!("{key}.authority: {at}: {e}"))?;
        let secret = std::fs::read_to_string(&files.key)
            .map_err(|e| e.to_string())
            .and_then(|text| KeyPair::from_pem(&text).map_err(|e| e.to_string()));
        let secret =
            secret.map_err(|e| format!("{key}.authority_key: {}: {e}", files.key.display()))?;
        let issuer = Issuer::new(of_authority(NAME, now), secret);
        let read = Self { issuer, own };
        // Another authority has another name, and what it signs with this one is worth nothing.
        let host = "tester.twinproof.test";
        let server = read.server(Certificate::Good, host, now)?;
        let client = tls::examiner(&read, RootCertStore::empty(), Scrutiny::FULL, now)?;
        let shaken = tls::shake_hands(client, server, host)?;
        shaken.client.map_err(|error| {
            format!(
                "{key}.authority: expected an authority that Twinproof has made, with its key and still valid, got \
                 {at}: {error}; take both files away, and they are made anew"
            )
        })?;
        Ok(read)
    }

    /// Its own certificate, which those trust who trust it.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.own
    }

    /// TLS of a server that shows such a certificate at a host, at a time in seconds since 1970.
    pub(crate) fn server(
        &self,
        certificate: Certificate,
        host: &str,
        now: u64,
    ) -> Result<Arc<ServerConfig>, String> {
        let key = KeyPair::generate().map_err(failed)?;
        let host = match certificate {
            Certificate::OfOtherName => ELSEWHERE,
            _ => host,
        };
        let span = match certificate {
            Certificate::Expired => (
                now.saturating_sub(MARGIN + MONTH),
                now.saturating_sub(MARGIN),
            ),
            Certificate::NotYetValid => (now + MARGIN, now + MARGIN + MONTH),
            _ => (now.saturating_sub(MARGIN), now + MONTH),
        };
        let mut params = params(host, span);
        let named = CertificateParams::new([host.to_owned()]).map_err(failed)?;
        params.subject_alt_names = named.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let signed = match certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            Certificate::OfOtherAuthority => {
                let (other, _) = Self::named(NOBODY, now)?;
                params.use_authority_key_identifier_extension = true;
                params.signed_by(&key, &other.issuer)
            }
            _ => {
                params.use_authority_key_identifier_extension = true;
                params.signed_by(&key, &self.issuer)
            }
        };
        let chain = vec![signed.map_err(failed)?.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        tls::shown(chain, key)
    }
}

/// Writes a file that nobody else may read. There must be none.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
