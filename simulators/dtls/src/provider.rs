//! What the library computes with: ring, randomness that can follow from a seed, and an ear at the place
//! where keys are made, because the library does not say which ones it made.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use rtc_crypto::providers::RingProvider;
use rtc_crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher,
    CryptoAlgorithm, CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac,
    PublicKey, RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme, SigningKey, StreamCipher,
    StreamCipherAlgorithm,
};

use crate::keys::{KEY_EXPANSION, Secrets};

/// What was heard while the library worked.
#[derive(Default)]
pub(crate) struct Heard {
    /// Keys were made of this.
    pub(crate) secrets: Option<Secrets>,
    /// Somebody came with this identity, which nobody has.
    pub(crate) unknown_identity: Option<Vec<u8>>,
}

thread_local! {
    // The library works on the thread that calls it, so what is heard in a call is of that call.
    static HEARD: RefCell<Heard> = RefCell::default();
}

/// Takes what was heard since it was last taken.
pub(crate) fn take_heard() -> Heard {
    HEARD.take()
}

/// Remembers that nobody has this identity.
pub(crate) fn hear_unknown(identity: &[u8]) {
    HEARD.with_borrow_mut(|heard| heard.unknown_identity = Some(identity.to_vec()));
}

pub(crate) struct Provider {
    ring: RingProvider,
    seeded: Option<Mutex<fastrand::Rng>>,
}

impl Provider {
    /// Random numbers come from the operating system, or all follow from the generator.
    pub(crate) fn new(seeded: Option<fastrand::Rng>) -> Arc<Self> {
        Arc::new(Self {
            ring: RingProvider::new(),
            seeded: seeded.map(Mutex::new),
        })
    }
}

impl RTCCryptoProvider for Provider {
    fn name(&self) -> &'static str {
        "ring, overheard"
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for Provider {
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        match &self.seeded {
            Some(seeded) => {
                let mut seeded = seeded.lock().unwrap_or_else(PoisonError::into_inner);
                seeded.fill(output);
                Ok(())
            }
            None => self.ring.random().fill(output),
        }
    }
}

impl RTCCrypto for Provider {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.ring.crypto().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.ring.crypto().hash(algorithm, data)
    }

    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.ring.crypto().block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        let mac = self.ring.crypto().new_hmac(algorithm, key)?;
        // Nothing else than a master secret has its length.
        match <[u8; 48]>::try_from(key) {
            Ok(master) => Ok(Box::new(Ear { mac, master })),
            Err(_) => Ok(mac),
        }
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.ring.crypto().new_stream_cipher(algorithm, key)
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        self.ring.crypto().new_aead(algorithm, key)
    }

    fn new_cbc(
        &self,
        algorithm: CbcAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.ring.crypto().new_cbc(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.ring.crypto().start_key_exchange(algorithm)
    }

    fn generate_signing_key(
        &self,
        scheme: SignatureScheme,
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.ring.crypto().generate_signing_key(scheme)
    }

    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8_der: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.ring.crypto().import_signing_key(scheme, pkcs8_der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let crypto = self.ring.crypto();
        crypto.verify_signature(scheme, public_key, message, signature)
    }
}

/// A MAC under what may be a master secret.
struct Ear {
    mac: Box<dyn Mac>,
    master: [u8; 48],
}

impl Mac for Ear {
    fn output_len(&self) -> usize {
        self.mac.output_len()
    }

    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        // The first step of making keys is over the label and both randoms, and nothing else.
        if let [seed] = input
            && let Some(randoms) = seed.strip_prefix(KEY_EXPANSION)
            && let Some((server, rest)) = randoms.split_first_chunk()
            && let Ok(client) = <[u8; 32]>::try_from(rest)
        {
            let secrets = Secrets {
                master: self.master,
                client_random: client,
                server_random: *server,
            };
            HEARD.with_borrow_mut(|heard| heard.secrets = Some(secrets));
        }
        self.mac.sign(input, output)
    }

    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.mac.verify(input, expected)
    }
}
