use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::doorkeeper::Doorkeeper;

/// A certificate chain and the key of its first certificate.
#[derive(Clone, Eq, PartialEq)]
pub struct Certificate {
    /// The chain, DER, its own certificate first.
    pub chain: Vec<Vec<u8>>,
    /// The key, PKCS#8 in DER; of the curve P-256.
    pub key: Vec<u8>,
}

impl Certificate {
    /// Reads PEM.
    ///
    /// # Errors
    ///
    /// There is no certificate, or no PKCS#8 key; the words say which.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|e| format!("expected certificates (PEM): {e}"))?;
        if chain.is_empty() {
            return Err("expected at least one certificate (PEM), got none".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|e| format!("expected a private key (PKCS#8, PEM): {e}"))?;
        let PrivateKeyDer::Pkcs8(key) = key else {
            return Err(
                "expected a private key as PKCS#8 (BEGIN PRIVATE KEY), got another form; \
                        openssl pkcs8 -topk8 -nodes makes one of it"
                    .to_owned(),
            );
        };
        Ok(Self {
            chain: chain.iter().map(|one| one.to_vec()).collect(),
            key: key.secret_pkcs8_der().to_vec(),
        })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// What a client shows to a server.
#[derive(Clone, Eq, PartialEq)]
pub enum Credentials {
    /// A key that both have.
    Psk {
        /// Which one.
        identity: Vec<u8>,
        /// The key.
        key: Vec<u8>,
    },
    /// A certificate, or none, and the authorities whose servers are trusted.
    Certificate {
        /// Its own.
        own: Option<Certificate>,
        /// Authorities, DER.
        authorities: Vec<Vec<u8>>,
        /// The name that the server's certificate must carry.
        server_name: String,
    },
}

impl Credentials {
    /// A pre-shared key.
    pub fn psk(identity: &[u8], key: &[u8]) -> Self {
        Self::Psk {
            identity: identity.to_vec(),
            key: key.to_vec(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Psk { identity, .. } => write!(f, "Psk({})", identity.escape_ascii()),
            Self::Certificate { server_name, .. } => write!(f, "Certificate(for {server_name})"),
        }
    }
}

/// Whom a server lets in.
#[derive(Clone, Default)]
pub struct Guests {
    pub(crate) psk: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) authorities: Vec<Vec<u8>>,
    pub(crate) doorkeeper: Option<Arc<dyn Doorkeeper>>,
}

impl Guests {
    /// Lets this decide what the texts decide otherwise.
    #[must_use]
    pub fn with_doorkeeper(mut self, doorkeeper: Arc<dyn Doorkeeper>) -> Self {
        self.doorkeeper = Some(doorkeeper);
        self
    }

    /// Lets in who has this key under this identity.
    #[must_use]
    pub fn with_psk(mut self, identity: &[u8], key: &[u8]) -> Self {
        self.psk.insert(identity.to_vec(), key.to_vec());
        self
    }

    /// Shows this certificate, and lets in whose certificate one of the authorities (DER) signed.
    #[must_use]
    pub fn with_certificates(mut self, own: Certificate, authorities: Vec<Vec<u8>>) -> Self {
        self.certificate = Some(own);
        self.authorities = authorities;
        self
    }
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identities = self.psk.keys().map(|identity| identity.escape_ascii());
        f.debug_list()
            .entries(identities.map(|i| i.to_string()))
            .finish()
    }
}

/// Who the peer of an association has been shown to be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Identity {
    /// It has the pre-shared key of this identity.
    Psk(Vec<u8>),
    /// It has the key of this certificate (DER).
    Certificate(Vec<u8>),
    /// It showed nothing, and nothing was asked of it.
    Anonymous,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Psk(identity) => write!(f, "\"{}\" (pre-shared key)", identity.escape_ascii()),
            Self::Certificate(der) => write!(f, "a certificate of {} octets", der.len()),
            Self::Anonymous => f.write_str("nobody in particular"),
        }
    }
}
