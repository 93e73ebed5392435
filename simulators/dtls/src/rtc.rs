//! Associations whose hands the library rtc-dtls shakes.
//!
//! Records are ours from the end of the handshake on. The library would end an association, with a fatal
//! alert, for one record that is not authentic, which RFC 6347 §4.1.2.7 advises against and which makes
//! each of us an easy victim; it answers an alert with the same alert; and it does not say which records it
//! left out. It also keeps some ten kilobytes, which go when the handshake is over.

mod open;
mod shaking;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc_crypto::{RTCCryptoProvider as _, SignatureScheme};
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate as Own;
use rtc_shared::error::Error;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use twinproof_kernel::{Seed, Time};

use crate::credentials::{Certificate, Credentials, Guests, Identity};
use crate::doorkeeper::{Doorkeeper, KeyFacts};
use crate::provider::{Provider, hear_unknown};
use crate::session::{Backend, Ended, Forgery, Session, Signal};
use crate::transport::Limits;
use open::Open;
use shaking::Shaking;

/// The library's associations, with records of our own.
pub struct Rtc {
    provider: Arc<Provider>,
    guests: Option<Arc<HandshakeConfig>>,
    doorkeeper: Option<Arc<dyn Doorkeeper>>,
    /// What the last client was configured with: fleets share their credentials, or have them by turns.
    last: Mutex<Option<(Credentials, Arc<HandshakeConfig>)>>,
    clock: Clock,
    limits: Limits,
}

impl fmt::Debug for Rtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rtc").finish_non_exhaustive()
    }
}

/// The library measures time from a moment that only the operating system can name; which, is all one.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn instant(self, time: Time) -> Instant {
        self.0 + Duration::from_micros(time.as_micros())
    }

    fn time(self, instant: Instant) -> Time {
        Time::ZERO + instant.saturating_duration_since(self.0)
    }
}

impl Rtc {
    /// Associations with random numbers of the operating system; as a server only if there are guests.
    ///
    /// # Errors
    ///
    /// What guests are to be shown cannot be used; the words say why.
    pub fn new(guests: Option<Guests>) -> Result<Self, String> {
        Self::limited(guests, None, Limits::default())
    }

    /// The same with random numbers that follow from a seed: for tests on a virtual clock. The four octets of
    /// a hello that tell the time are not among them: the library takes them from the clock on the wall, so
    /// keys differ from run to run, and nothing else does.
    ///
    /// # Errors
    ///
    /// As for [`Rtc::new`].
    pub fn seeded(guests: Option<Guests>, seed: Seed) -> Result<Self, String> {
        Self::limited(guests, Some(seed), Limits::default())
    }

    /// The same with or without a seed, and with handshakes that take their time.
    ///
    /// # Errors
    ///
    /// As for [`Rtc::new`].
    pub fn limited(
        guests: Option<Guests>,
        seed: Option<Seed>,
        limits: Limits,
    ) -> Result<Self, String> {
        let provider = Provider::new(seed.map(Seed::rng));
        let doorkeeper = guests.as_ref().and_then(|guests| guests.doorkeeper.clone());
        let guests = guests
            .map(|guests| server(&provider, guests, limits.flight))
            .transpose()?;
        Ok(Self {
            provider,
            guests,
            doorkeeper,
            last: Mutex::default(),
            clock: Clock(Instant::now()),
            limits,
        })
    }

    fn config(&self, credentials: &Credentials) -> Result<Arc<HandshakeConfig>, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, config)) = &*last
            && known == credentials
        {
            return Ok(Arc::clone(config));
        }
        let config = client(&self.provider, credentials, self.limits.flight)?;
        *last = Some((credentials.clone(), Arc::clone(&config)));
        Ok(config)
    }
}

impl Backend for Rtc {
    fn connect(&self, now: Time, credentials: &Credentials) -> Result<Box<dyn Session>, String> {
        let config = self.config(credentials)?;
        let identity = match credentials {
            Credentials::Psk { identity, .. } => Identity::Psk(identity.clone()),
            Credentials::Certificate { .. } => Identity::Anonymous,
        };
        let provider = Arc::clone(&self.provider);
        let time = (now, now + self.limits.handshake);
        let shaking = Shaking::connect(time, self.clock, provider, config, identity)?;
        Ok(Box::new(Association::new(shaking)))
    }

    fn accept(&self, now: Time) -> Option<Box<dyn Session>> {
        let config = Arc::clone(self.guests.as_ref()?);
        let provider = Arc::clone(&self.provider);
        let doorkeeper = self.doorkeeper.clone();
        let time = (now, now + self.limits.handshake);
        let shaking = Shaking::accept(time, self.clock, provider, config, doorkeeper);
        Some(Box::new(Association::new(shaking)))
    }
}

fn builder(provider: &Arc<Provider>, flight: Duration) -> ConfigBuilder {
    ConfigBuilder::default()
        .with_crypto_provider(Arc::clone(provider) as _)
        .with_flight_interval(flight)
}

fn client(
    provider: &Arc<Provider>,
    credentials: &Credentials,
    flight: Duration,
) -> Result<Arc<HandshakeConfig>, String> {
    let building = match credentials {
        Credentials::Psk { identity, key } => {
            let key = key.clone();
            builder(provider, flight)
                .with_cipher_suites(vec![CipherSuiteId::Tls_Psk_With_Aes_128_Ccm_8])
                .with_psk(Some(Arc::new(move |_| Ok(key.clone()))))
                .with_psk_identity_hint(Some(identity.clone()))
                // There is no certificate that could be verified.
                .with_insecure_skip_verify(true)
        }
        Credentials::Certificate {
            own,
            authorities,
            server_name,
        } => {
            let own = own.iter().map(|own| certificate(provider, own));
            builder(provider, flight)
                .with_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm_8])
                .with_certificates(own.collect::<Result<_, _>>()?)
                .with_roots_cas(roots(authorities)?)
                .with_server_name(server_name.clone())
        }
    };
    let built = building.build(true, None);
    built.map(Arc::new).map_err(|e| format!("DTLS: {e}"))
}

fn server(
    provider: &Arc<Provider>,
    guests: Guests,
    flight: Duration,
) -> Result<Arc<HandshakeConfig>, String> {
    let mut suites = Vec::new();
    let mut building = builder(provider, flight).with_insecure_skip_verify(true);
    if let Some(own) = &guests.certificate {
        suites.push(CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm_8);
        building = building.with_certificates(vec![certificate(provider, own)?]);
        if !guests.authorities.is_empty() {
            building = building
                .with_client_auth(ClientAuthType::RequireAndVerifyClientCert)
                .with_client_cas(roots(&guests.authorities)?);
        }
    }
    if !guests.psk.is_empty() || guests.certificate.is_none() {
        suites.push(CipherSuiteId::Tls_Psk_With_Aes_128_Ccm_8);
        let (keys, doorkeeper) = (guests.psk, guests.doorkeeper);
        let asked = Mutex::new(BTreeMap::<Vec<u8>, usize>::new());
        building = building.with_psk(Some(Arc::new(move |identity: &[u8]| {
            let own = keys.get(identity);
            let key = match &doorkeeper {
                None => own.cloned(),
                Some(doorkeeper) => {
                    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                    let times = asked.entry(identity.to_vec()).or_default();
                    let before = *times;
                    *times += 1;
                    doorkeeper.key(KeyFacts {
                        identity,
                        own: own.map(Vec::as_slice),
                        first: keys.values().next().map(Vec::as_slice),
                        before,
                    })
                }
            };
            key.ok_or_else(|| {
                hear_unknown(identity);
                Error::Other("nobody is known by this identity".to_owned())
            })
        })));
    }
    let built = building.with_cipher_suites(suites).build(false, None);
    built.map(Arc::new).map_err(|e| format!("DTLS: {e}"))
}

fn certificate(provider: &Arc<Provider>, own: &Certificate) -> Result<Own, String> {
    let key = provider
        .crypto()
        .import_signing_key(SignatureScheme::EcdsaP256Sha256, &own.key)
        .map_err(|e| format!("DTLS: expected a key of the curve P-256 as PKCS#8: {e}"))?;
    let chain = own.chain.iter().cloned().map(CertificateDer::from);
    Ok(Own::from_signing_key(chain.collect(), key))
}

fn roots(authorities: &[Vec<u8>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for authority in authorities {
        let added = store.add(CertificateDer::from(authority.clone()));
        added.map_err(|e| format!("DTLS: expected the certificate of an authority (DER): {e}"))?;
    }
    Ok(store)
}

/// An association: a handshake, then records, then nothing.
struct Association {
    phase: Phase,
    signals: VecDeque<Signal>,
}

enum Phase {
    Shaking(Box<Shaking>),
    Open(Box<Open>),
    Over,
}

impl Association {
    fn new(mut shaking: Shaking) -> Self {
        let mut signals = VecDeque::new();
        shaking.transmit(&mut signals);
        Self {
            phase: Phase::Shaking(Box::new(shaking)),
            signals,
        }
    }

    /// Does the next thing, and goes on to the next phase if that is due.
    fn advance(&mut self, act: impl FnOnce(&mut Phase, &mut VecDeque<Signal>) -> Step) {
        match act(&mut self.phase, &mut self.signals) {
            Step::Stays => {}
            Step::Opens(open) => {
                self.phase = Phase::Open(open);
                if let Phase::Open(open) = &mut self.phase
                    && let Some(ended) = open.catch_up(&mut self.signals)
                {
                    self.end(ended);
                }
            }
            Step::Ends(ended) => self.end(ended),
        }
    }

    fn end(&mut self, ended: Ended) {
        self.phase = Phase::Over;
        self.signals.push_back(Signal::Ended(ended));
    }
}

/// What a phase comes to.
enum Step {
    Stays,
    Opens(Box<Open>),
    Ends(Ended),
}

impl Session for Association {
    fn push(&mut self, now: Time, datagram: &[u8]) {
        self.advance(|phase, signals| match phase {
            Phase::Shaking(shaking) => shaking.push(now, datagram, signals),
            Phase::Open(open) => open.push(datagram, signals).map_or(Step::Stays, Step::Ends),
            Phase::Over => Step::Stays,
        });
    }

    fn pull(&mut self) -> Option<Signal> {
        self.signals.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Shaking(shaking) => Some(shaking.next_deadline()),
            Phase::Open(_) | Phase::Over => None,
        }
    }

    fn wake(&mut self, now: Time) {
        self.advance(|phase, signals| match phase {
            Phase::Shaking(shaking) => shaking.wake(now, signals),
            Phase::Open(_) | Phase::Over => Step::Stays,
        });
    }

    fn send(&mut self, _: Time, data: &[u8]) -> Result<(), String> {
        match &mut self.phase {
            Phase::Open(open) => open.send(data, &mut self.signals),
            Phase::Shaking(_) => Err("the handshake has not come to its end".to_owned()),
            Phase::Over => Err("the association has ended".to_owned()),
        }
    }

    fn peer(&self) -> Option<&Identity> {
        match &self.phase {
            Phase::Open(open) => Some(open.peer()),
            Phase::Shaking(_) | Phase::Over => None,
        }
    }

    fn close(&mut self, _: Time) {
        if let Phase::Open(open) = &mut self.phase {
            open.say_goodbye(&mut self.signals);
        }
        if !matches!(self.phase, Phase::Over) {
            self.end(Ended::Left);
        }
    }

    fn forge(&mut self, forgery: &Forgery) -> Option<Vec<u8>> {
        match &mut self.phase {
            Phase::Open(open) => open.forge(forgery),
            Phase::Shaking(_) | Phase::Over => None,
        }
    }
}
