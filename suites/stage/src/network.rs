//! How simulated parties reach real systems, and how long their own doors stay open.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::time::Instant;
use twinproof_kernel::http::{BODY_LIMIT, Fault, Headers, Request, Response};

use crate::doors::{Door, Doors};
use crate::live::Ground;

/// How long an idle connection is kept: shorter than servers commonly do, so that a request is
/// never sent into a connection that the system is just closing.
const IDLE: Duration = Duration::from_secs(1);

/// Whom to trust and who to be.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The certificates that sign the system's; the platform's own if none (PEM).
    pub ca_file: Option<PathBuf>,
    /// The certificate chain that simulated parties present (PEM).
    pub client_certificate: Option<PathBuf>,
    /// Its key (PEM).
    pub client_key: Option<PathBuf>,
    /// The name that the system's certificate must carry, where it is not the host of its URLs.
    pub server_name: Option<String>,
}

/// A fixed address of the harness.
#[derive(Clone, Debug)]
pub struct Place {
    /// Address and port to bind.
    pub listen: String,
    /// The base URL under which systems reach it, if that is another.
    pub advertise: Option<String>,
}

/// A network to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long one exchange may take.
    pub timeout: Duration,
    /// How many requests per second all parties together may begin; as many as they like if none.
    pub rate: Option<u32>,
    /// For TLS towards the system.
    pub trust: Trust,
    /// The proxy to send through. None is used that is not named here.
    pub proxy: Option<String>,
    /// Where callbacks arrive; a free loopback port for each actor if none.
    pub callbacks: Option<Place>,
    /// Where requests to the actor called [`PEER`] arrive. One scene at a time has it.
    pub peer: Option<Place>,
    /// Certificate chain and key of the harness's own doors (PEM); plain HTTP if none.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The addresses of actors that are to have a certain one; a free loopback port for all others.
    pub ports: BTreeMap<String, SocketAddr>,
}

/// The name of the actor that has [`Options::peer`].
pub const PEER: &str = "peer";

impl Options {
    /// Loopback, no TLS of our own, as fast as it goes.
    pub const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            rate: None,
            trust: Trust {
                ca_file: None,
                client_certificate: None,
                client_key: None,
                server_name: None,
            },
            proxy: None,
            callbacks: None,
            peer: None,
            certificate: None,
            ports: BTreeMap::new(),
        }
    }
}

/// How requests reach real systems, and the doors at which theirs arrive. Clones are the same run's.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Inner>,
    struck: Arc<Mutex<Struck>>,
}

struct Inner {
    client: reqwest::Client,
    pace: Option<Pacer>,
    doors: Doors,
}

/// Scenes that have ended and whose doors are still open.
#[derive(Default)]
struct Struck {
    grounds: Vec<Arc<Ground>>,
    last: Option<Instant>,
}

struct Pacer {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// A network on which one exchange may take `timeout`, and nothing else is special.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn new(timeout: Duration) -> Result<Self, String> {
        Self::open(&Options::new(timeout))
    }

    /// Opens a network: reads certificates and binds fixed addresses.
    ///
    /// # Errors
    ///
    /// A file cannot be read or is not what it should be, or an address cannot be bound; the words
    /// name the option.
    pub fn open(options: &Options) -> Result<Self, String> {
        // A second installation is refused and changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        // Redirects would let a system answer for another; a proxy would answer for the system.
        let mut building = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .timeout(options.timeout);
        if let Some(proxy) = &options.proxy {
            let proxy = reqwest::Proxy::all(proxy)
                .map_err(|e| format!("proxy: expected a URL, got {proxy:?}: {e}"))?;
            building = building.proxy(proxy);
        }
        if let Some(config) = client_tls(&options.trust)? {
            building = building.tls_backend_preconfigured(config);
        }
        let client = building.build().map_err(|e| format!("TLS: {e}"))?;
        let tls = options
            .certificate
            .as_ref()
            .map(|(certificate, key)| server_tls(certificate, key))
            .transpose()?;
        let door = |place: &Option<Place>, key: &str| {
            place
                .as_ref()
                .map(|place| Door::bind(place, tls.is_some(), key))
                .transpose()
        };
        let doors = Doors::new(
            door(&options.callbacks, "harness.listen")?,
            door(&options.peer, "harness.peer_listen")?,
            tls,
            options.ports.clone(),
        );
        let inner = Inner {
            client,
            pace: options.rate.filter(|rate| *rate > 0).map(|rate| Pacer {
                gap: Duration::from_secs(1) / rate,
                next: Mutex::default(),
            }),
            doors,
        };
        Ok(Self {
            inner: Arc::new(inner),
            struck: Arc::default(),
        })
    }

    /// The same network for another run: connections, pace and doors are shared, scenes are not.
    #[must_use]
    pub fn for_another_run(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            struck: Arc::default(),
        }
    }

    pub(crate) fn doors(&self) -> &Doors {
        &self.inner.doors
    }

    /// Keeps the doors of an ended scene open: who comes late is still recorded.
    pub(crate) fn keep(&self, ground: Arc<Ground>) {
        let mut struck = self.struck();
        if ground.has_doors() {
            struck.last = Some(Instant::now());
        }
        struck.grounds.push(ground);
    }

    /// Ends a run: gives callbacks of the last scenes `grace` to arrive, then closes the doors of
    /// every scene. Nothing is recorded any more when this returns.
    pub async fn close(&self, grace: Duration) {
        let last = self.struck().last;
        if let Some(last) = last {
            tokio::time::sleep_until(last + grace).await;
        }
        let grounds = std::mem::take(&mut self.struck().grounds);
        for ground in grounds {
            ground.end().await;
        }
    }

    fn struck(&self) -> MutexGuard<'_, Struck> {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and reads the response, up to what is kept of a body.
    pub(crate) async fn fetch(&self, request: Request) -> Result<Response, Fault> {
        if let Some(pace) = &self.inner.pace {
            pace.turn().await;
        }
        fetch(&self.inner.client, request).await
    }
}

impl Pacer {
    /// Waits for the next free slot.
    async fn turn(&self) {
        let slot = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = next.map_or_else(Instant::now, |next| next.max(Instant::now()));
            *next = Some(slot + self.gap);
            slot
        };
        tokio::time::sleep_until(slot).await;
    }
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
fn client_tls(trust: &Trust) -> Result<Option<rustls::ClientConfig>, String> {
    let identity = match (&trust.client_certificate, &trust.client_key) {
        (Some(certificate), Some(key)) => Some((
            certificates(certificate, "tls.client_certificate")?,
            private_key(key, "tls.client_key")?,
        )),
        (None, None) => None,
        _ => return Err("tls.client_certificate and tls.client_key go together".to_owned()),
    };
    let Some(ca_file) = &trust.ca_file else {
        return if identity.is_some() || trust.server_name.is_some() {
            Err(
                "tls.client_certificate and tls.server_name need tls.ca_file: whom else to trust?"
                    .to_owned(),
            )
        } else {
            Ok(None)
        };
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_file, "tls.ca_file")? {
        roots
            .add(certificate)
            .map_err(|e| format!("tls.ca_file: {}: {e}", ca_file.display()))?;
    }
    let verifier = WebPkiServerVerifier::builder(Arc::new(roots))
        .build()
        .map_err(|e| format!("tls.ca_file: {}: {e}", ca_file.display()))?;
    let name = trust
        .server_name
        .as_ref()
        .map(|name| {
            ServerName::try_from(name.clone())
                .map_err(|e| format!("tls.server_name: expected a host name, got {name:?}: {e}"))
        })
        .transpose()?;
    let building = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Named {
            inner: verifier,
            name,
        }));
    match identity {
        Some((chain, key)) => building
            .with_client_auth_cert(chain, key)
            .map(Some)
            .map_err(|e| format!("tls.client_certificate and tls.client_key: {e}")),
        None => Ok(Some(building.with_no_client_auth())),
    }
}

fn server_tls(certificate: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, String> {
    let chain = certificates(certificate, "harness.certificate")?;
    let key = private_key(key, "harness.key")?;
    rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map(Arc::new)
        .map_err(|e| format!("harness.certificate and harness.key: {e}"))
}

/// Verifies as usual, but for another name than the URL's host where the profile says so.
#[derive(Debug)]
struct Named {
    inner: Arc<WebPkiServerVerifier>,
    name: Option<ServerName<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let name = self.name.as_ref().unwrap_or(server_name);
        self.inner
            .verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

async fn fetch(client: &reqwest::Client, request: Request) -> Result<Response, Fault> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes())
        .map_err(|e| Fault::Unreachable(format!("method {:?}: {e}", request.method)))?;
    let mut building = client.request(method, &request.url);
    for (name, value) in request.headers.iter() {
        building = building.header(name, value);
    }
    if !request.body.is_empty() {
        building = building.body(request.body);
    }
    let mut received = building.send().await.map_err(fault)?;
    let mut response = Response::new(received.status().as_u16());
    response.headers = headers(received.headers());
    while let Some(chunk) = received.chunk().await.map_err(fault)? {
        response.length += chunk.len() as u64;
        let room = BODY_LIMIT - response.body.len();
        response
            .body
            .extend_from_slice(&chunk[..chunk.len().min(room)]);
        if response.length > BODY_LIMIT as u64 {
            let announced = response.headers.first("Content-Length");
            let announced = announced.and_then(|text| text.parse().ok()).unwrap_or(0);
            response.length = response.length.max(announced);
            break;
        }
    }
    Ok(response)
}

pub(crate) fn headers(map: &hyper::HeaderMap) -> Headers {
    map.iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

fn fault(error: reqwest::Error) -> Fault {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        why = inner.to_string();
        source = inner.source();
    }
    if error.is_timeout() {
        Fault::TimedOut
    } else if error.is_connect() {
        Fault::Unreachable(why)
    } else {
        Fault::Broken(why)
    }
}
