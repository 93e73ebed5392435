//! How simulated parties reach real systems, and how long their own doors stay open.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use twinproof_kernel::http::{BODY_LIMIT, Fault, Headers, Request, Response, Scrutiny};

use crate::certificates::{Authority, Shows};
use crate::doors::{Door, Doors, Entrance};
use crate::live::Ground;
use crate::tls::{self, Trust};

/// How long an idle connection is kept: shorter than servers commonly do, so that a request is
/// never sent into a connection that the system is just closing.
const IDLE: Duration = Duration::from_secs(1);

/// How long a stream may stay open: longer than any scenario.
const NO_END: Duration = Duration::from_secs(30 * 24 * 3600);

/// A system whose certificate carries another name than the host of its URLs.
#[derive(Clone, Debug)]
pub struct Alias {
    /// A URL of the system; what counts is its host.
    pub base_url: String,
    /// The name that it is asked for (SNI), and that its certificate must carry.
    pub name: String,
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
    /// The name that the system's certificate carries, where it is not the host of its URLs.
    pub alias: Option<Alias>,
    /// The proxy to send through. None is used that is not named here.
    pub proxy: Option<String>,
    /// Where callbacks arrive; a free loopback port for each actor if none.
    pub callbacks: Option<Place>,
    /// Where requests to the actor called [`PEER`] arrive. One scene at a time has it.
    pub peer: Option<Place>,
    /// Certificate chain and key of the harness's own doors (PEM); plain HTTP if none.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Servers that show certificates of their own, for systems that run elsewhere; none if none.
    pub shows: Option<Shows>,
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
            },
            alias: None,
            proxy: None,
            callbacks: None,
            peer: None,
            certificate: None,
            shows: None,
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
    /// How long one exchange may take.
    timeout: Duration,
    /// The authorities that the profile names.
    roots: RootCertStore,
    shows: Option<Arc<Shows>>,
    named: Option<Named>,
    /// As it stands in messages: without credentials.
    proxy: Option<String>,
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
            let proxy = reqwest::Proxy::all(proxy).map_err(|e| {
                format!("network.proxy: expected a URL such as http://proxy.example:3128: {e}")
            })?;
            building = building.proxy(proxy);
        }
        if let Some(config) = tls::client(&options.trust)? {
            building = building.tls_backend_preconfigured(config);
        }
        let named = options.alias.as_ref().map(Named::of).transpose()?;
        if let Some(named) = &named {
            building = building.dns_resolver(named.clone());
        }
        let client = building.build().map_err(|e| format!("TLS: {e}"))?;
        let tls = options
            .certificate
            .as_ref()
            .map(|(certificate, key)| tls::server(certificate, key))
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
            timeout: options.timeout,
            roots: tls::roots(&options.trust)?.unwrap_or_else(RootCertStore::empty),
            shows: options.shows.clone().map(Arc::new),
            named,
            proxy: options.proxy.as_deref().map(without_credentials),
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

    /// The certificate of the authority of servers that show certificates, if it was made just now.
    pub fn made_authority(&self) -> Option<&Path> {
        self.shows()?.made.as_deref()
    }

    /// Takes an address, or a free port of the loopback, for somebody who plays a role without a stage.
    ///
    /// # Errors
    ///
    /// The address cannot be had; the words name it.
    pub fn entrance(&self, address: Option<SocketAddr>) -> Result<Entrance, String> {
        self.inner.doors.entrance(address)
    }

    pub(crate) fn doors(&self) -> &Doors {
        &self.inner.doors
    }

    /// Servers that show certificates of their own, for systems that run elsewhere.
    pub(crate) fn shows(&self) -> Option<&Arc<Shows>> {
        self.inner.shows.as_ref()
    }

    /// What a built-in system sends with that trusts an authority beside those of the profile, and looks at so
    /// much of a certificate.
    pub(crate) fn examiner(
        &self,
        authority: &Authority,
        scrutiny: Scrutiny,
    ) -> Result<reqwest::Client, String> {
        let roots = self.inner.roots.clone();
        let config = tls::examiner(authority, roots, scrutiny, seconds())?;
        let building = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .timeout(self.inner.timeout)
            .tls_backend_preconfigured(Arc::unwrap_or_clone(config));
        building.build().map_err(|e| format!("TLS: {e}"))
    }

    /// Sends a request of a built-in system that examines certificates.
    pub(crate) async fn fetch_examining(
        &self,
        client: Result<reqwest::Client, String>,
        request: Request,
    ) -> Result<Response, Fault> {
        let client = client.map_err(Fault::NotSent)?;
        read(building(&client, None, request)?).await
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
    ///
    /// # Errors
    ///
    /// Nobody answered in time, or not as HTTP wants it.
    pub async fn fetch(&self, request: Request) -> Result<Response, Fault> {
        self.fetch_within(request, None).await
    }

    /// The same for an exchange that may take another time than the network's own.
    pub(crate) async fn fetch_within(
        &self,
        request: Request,
        patience: Option<Duration>,
    ) -> Result<Response, Fault> {
        if let Some(pace) = &self.inner.pace {
            pace.turn().await;
        }
        let fetched = self.inner.fetch(request, patience).await;
        self.through_proxy(fetched)
    }

    /// Sends a request and returns the head of its response, and the body as it comes.
    pub(crate) async fn open_stream(
        &self,
        request: Request,
        patience: Duration,
    ) -> Result<(Response, reqwest::Response), Fault> {
        let opened = self.inner.open_stream(request, patience).await;
        self.through_proxy(opened)
    }

    fn through_proxy<T>(&self, fetched: Result<T, Fault>) -> Result<T, Fault> {
        match (&self.inner.proxy, fetched) {
            (Some(proxy), Err(Fault::Unreachable(why))) => Err(Fault::Unreachable(format!(
                "through the proxy {proxy} (network.proxy): {why}"
            ))),
            (_, fetched) => fetched,
        }
    }
}

fn without_credentials(proxy: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(proxy) else {
        return String::new();
    };
    // Only URLs without a host refuse this, and those have no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
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

/// Lets requests to one host be sent to it under another name.
#[derive(Clone)]
struct Named {
    host: String,
    name: String,
}

impl Named {
    fn of(alias: &Alias) -> Result<Self, String> {
        let name = alias.name.to_ascii_lowercase();
        match ServerName::try_from(name.as_str()) {
            Ok(ServerName::DnsName(_)) => {}
            _ => {
                return Err(format!(
                    "tls.server_name: expected a host name such as enabler.example, got {:?}",
                    alias.name
                ));
            }
        }
        let url = reqwest::Url::parse(&alias.base_url);
        let host = url.ok().and_then(|url| url.host_str().map(str::to_owned));
        let host =
            host.ok_or_else(|| format!("tls.server_name: {:?} names no host", alias.base_url))?;
        Ok(Self { host, name })
    }

    /// The URL under the other name and the authority that it had, if it is one of that host over TLS.
    fn rename(&self, url: &str) -> Option<(reqwest::Url, String)> {
        let mut url = reqwest::Url::parse(url).ok()?;
        let host = url.host_str().filter(|host| *host == self.host)?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let secure = url.scheme() == "https";
        (secure && url.set_host(Some(&self.name)).is_ok()).then_some((url, authority))
    }
}

/// The other name leads to where the host is; all else is looked up as always.
impl Resolve for Named {
    fn resolve(&self, name: Name) -> Resolving {
        let host = match name.as_str() == self.name {
            true => self.host.trim_matches(['[', ']']).to_owned(),
            false => name.as_str().to_owned(),
        };
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Inner {
    fn building(&self, request: Request) -> Result<reqwest::RequestBuilder, Fault> {
        building(&self.client, self.named.as_ref(), request)
    }

    async fn open_stream(
        &self,
        request: Request,
        patience: Duration,
    ) -> Result<(Response, reqwest::Response), Fault> {
        // A stream has no end to wait for; whoever opens it closes it.
        let building = self.building(request)?.timeout(NO_END);
        let sent = tokio::time::timeout(patience, building.send()).await;
        let received = sent.map_err(|_| Fault::TimedOut)?.map_err(fault)?;
        let mut head = Response::new(received.status().as_u16());
        head.headers = headers(received.headers());
        Ok((head, received))
    }

    async fn fetch(&self, request: Request, patience: Option<Duration>) -> Result<Response, Fault> {
        let mut building = self.building(request)?;
        if let Some(patience) = patience {
            building = building.timeout(patience);
        }
        read(building).await
    }
}

fn building(
    client: &reqwest::Client,
    named: Option<&Named>,
    request: Request,
) -> Result<reqwest::RequestBuilder, Fault> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes())
        .map_err(|e| Fault::Unreachable(format!("method {:?}: {e}", request.method)))?;
    let renamed = named.and_then(|n| n.rename(&request.url));
    let mut building = match renamed {
        None => client.request(method, &request.url),
        // What the system is asked is the same but for its certificate.
        Some((url, authority)) => client.request(method, url).header("Host", authority),
    };
    for (name, value) in request.headers.iter() {
        building = building.header(name, value);
    }
    if !request.body.is_empty() {
        building = building.body(request.body);
    }
    Ok(building)
}

/// Sends what was built and reads the response, up to what is kept of a body.
async fn read(building: reqwest::RequestBuilder) -> Result<Response, Fault> {
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

/// What the clock says, in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
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
    let why = tls::refusal(&error).unwrap_or(why);
    if error.is_timeout() {
        Fault::TimedOut
    } else if error.is_connect() {
        Fault::Unreachable(why)
    } else {
        Fault::Broken(why)
    }
}
