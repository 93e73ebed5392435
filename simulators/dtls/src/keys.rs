use rtc_crypto::{AeadAlgorithm, AeadCipher, CryptoError, HmacAlgorithm, RTCCrypto};

use crate::record::{HEADER, Header, LAST_SEQUENCE, RecordView, number};

/// AES_128_CCM_8: how long the tag is, and the part of the nonce that is sent along.
const TAG: usize = 8;
const EXPLICIT: usize = 8;
const KEY: usize = 16;
const IV: usize = 4;

/// What both sides of an association share, as it was when keys were made of it.
#[derive(Clone)]
pub(crate) struct Secrets {
    pub(crate) master: [u8; 48],
    pub(crate) client_random: [u8; 32],
    pub(crate) server_random: [u8; 32],
}

/// The label under which keys are made of a master secret (RFC 5246 §6.3).
pub(crate) const KEY_EXPANSION: &[u8; 13] = b"key expansion";

impl Secrets {
    /// A line of a key log in NSS's format, as Wireshark reads it.
    pub(crate) fn key_log(&self) -> String {
        let hex = |octets: &[u8]| {
            let digits = octets.iter().map(|octet| format!("{octet:02x}"));
            digits.collect::<String>()
        };
        format!(
            "CLIENT_RANDOM {} {}",
            hex(&self.client_random),
            hex(&self.master)
        )
    }

    /// The keys of a suite with AES_128_CCM_8 and SHA-256.
    pub(crate) fn keys(&self, crypto: &dyn RTCCrypto, client: bool) -> Result<Keys, CryptoError> {
        let mut mac = crypto.new_hmac(HmacAlgorithm::Sha256, &self.master)?;
        let seed = [&KEY_EXPANSION[..], &self.server_random, &self.client_random].concat();
        let (mut chain, mut block) = ([0; 32], [0; 64]);
        mac.sign(&[&seed], &mut chain)?;
        let (first, second) = block.split_at_mut(32);
        mac.sign(&[&chain, &seed], first)?;
        let before = chain;
        mac.sign(&[&before], &mut chain)?;
        mac.sign(&[&chain, &seed], second)?;
        let half = |place: usize| -> Result<Half, CryptoError> {
            let key = &block[place * KEY..][..KEY];
            let mut iv = [0; IV];
            iv.copy_from_slice(&block[2 * KEY + place * IV..][..IV]);
            let aead = crypto.new_aead(AeadAlgorithm::Aes128Ccm8, key)?;
            Ok(Half { aead, iv })
        };
        let (own, peer) = if client { (0, 1) } else { (1, 0) };
        Ok(Keys {
            own: half(own)?,
            peer: half(peer)?,
        })
    }
}

/// The keys of one direction.
struct Half {
    aead: Box<dyn AeadCipher>,
    iv: [u8; IV],
}

impl Half {
    fn nonce(&self, explicit: &[u8]) -> [u8; IV + EXPLICIT] {
        let mut nonce = [0; IV + EXPLICIT];
        nonce[..IV].copy_from_slice(&self.iv);
        nonce[IV..].copy_from_slice(explicit);
        nonce
    }

    fn open(&mut self, record: RecordView<'_>) -> Option<Vec<u8>> {
        let body = record.body();
        let length = body.len().checked_sub(EXPLICIT + TAG)?;
        let (explicit, sealed) = body.split_at(EXPLICIT);
        let (sealed, tag) = sealed.split_at(length);
        let mut plain = sealed.to_vec();
        let authenticated = associated(record.octets(), length);
        let nonce = self.nonce(explicit);
        let opened = self
            .aead
            .open_in_place(&nonce, &authenticated, &mut plain, tag);
        opened.is_ok().then_some(plain)
    }

    /// Decrypts a record, authentic or not: in CCM the key stream depends on the nonce alone.
    fn decrypt(&mut self, record: RecordView<'_>) -> Option<Vec<u8>> {
        let body = record.body();
        let length = body.len().checked_sub(EXPLICIT + TAG)?;
        let (explicit, sealed) = body.split_at(EXPLICIT);
        let nonce = self.nonce(explicit);
        let (mut stream, mut tag) = (vec![0; length], [0; TAG]);
        let authenticated = associated(record.octets(), length);
        let made = self
            .aead
            .seal_in_place(&nonce, &authenticated, &mut stream, &mut tag);
        made.ok()?;
        Some(stream.iter().zip(sealed).map(|(a, b)| a ^ b).collect())
    }
}

/// What is authenticated beside the content: the number, type and version, and how long the content is.
fn associated(head: &[u8], length: usize) -> [u8; 13] {
    let mut data = [0; 13];
    data[..8].copy_from_slice(&head[3..11]);
    data[8..11].copy_from_slice(&head[..3]);
    data[11..].copy_from_slice(&(length as u16).to_be_bytes());
    data
}

/// The keys of an association.
pub(crate) struct Keys {
    own: Half,
    peer: Half,
}

impl Keys {
    /// Opens a record of the peer's; none if it is not authentic.
    pub(crate) fn open(&mut self, record: RecordView<'_>) -> Option<Vec<u8>> {
        self.peer.open(record)
    }

    /// What a record of the peer's holds, as far as it can be told where it is not authentic.
    pub(crate) fn open_unverified(&mut self, record: RecordView<'_>) -> Option<Vec<u8>> {
        self.peer.decrypt(record)
    }

    /// Opens a record of our own.
    pub(crate) fn open_own(&mut self, record: RecordView<'_>) -> Option<Vec<u8>> {
        self.own.open(record)
    }

    /// Seals a record of ours. `explicit` is the part of the nonce that is sent along: the record's number
    /// (RFC 6655 §3), unless one number is to be used a second time.
    pub(crate) fn seal(
        &mut self,
        content_type: u8,
        (epoch, sequence): (u16, u64),
        plain: &[u8],
        explicit: Option<[u8; EXPLICIT]>,
    ) -> Option<Vec<u8>> {
        let length = u16::try_from(EXPLICIT + plain.len() + TAG).ok()?;
        if sequence > LAST_SEQUENCE {
            return None;
        }
        let head = Header {
            content_type,
            epoch,
            sequence,
            length,
        };
        let mut record = Vec::with_capacity(HEADER + usize::from(length));
        record.extend_from_slice(&head.octets());
        record.extend_from_slice(&explicit.unwrap_or_else(|| number(epoch, sequence)));
        record.extend_from_slice(plain);
        let authenticated = associated(&record, plain.len());
        let nonce = self.own.nonce(&record[HEADER..][..EXPLICIT]);
        let mut tag = [0; TAG];
        let content = &mut record[HEADER + EXPLICIT..];
        let sealed = self
            .own
            .aead
            .seal_in_place(&nonce, &authenticated, content, &mut tag);
        sealed.ok()?;
        record.extend_from_slice(&tag);
        Some(record)
    }
}

/// Which records of an epoch have come: RFC 6347 §4.1.2.6, 64 wide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// One more than the highest number that has come.
    next: u64,
    /// The highest 64: the lowest bit is the highest number.
    seen: u64,
}

impl Window {
    /// Whether a record of this number has not come, as far as is remembered.
    pub(crate) fn is_new(&self, sequence: u64) -> bool {
        match self.next.checked_sub(sequence + 1) {
            None => true,
            Some(age @ 0..64) => self.seen >> age & 1 == 0,
            Some(_) => false,
        }
    }

    /// It has come, and is authentic.
    pub(crate) fn mark(&mut self, sequence: u64) {
        if sequence >= self.next {
            let ahead = sequence + 1 - self.next;
            self.seen = if ahead < 64 { self.seen << ahead } else { 0 };
            self.next = sequence + 1;
        }
        if let age @ 0..64 = self.next - sequence - 1 {
            self.seen |= 1 << age;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Secrets, Window};
    use crate::record::records;

    #[test]
    fn the_window_knows_what_has_come() {
        let mut window = Window::default();
        assert!(window.is_new(0));
        for sequence in [0, 1, 5] {
            assert!(window.is_new(sequence));
            window.mark(sequence);
            assert!(!window.is_new(sequence));
        }
        assert!(window.is_new(2) && window.is_new(4) && window.is_new(6));
        window.mark(68);
        assert!(window.is_new(6) && !window.is_new(5) && !window.is_new(4));
        window.mark(6);
        assert!(!window.is_new(6) && window.is_new(7));
        window.mark(1000);
        assert!(!window.is_new(7) && !window.is_new(68) && window.is_new(937));
        assert!(!window.is_new(936), "too old to be told from what came");
    }

    #[test]
    fn one_side_opens_what_the_other_sealed_and_nothing_else() {
        let secrets = Secrets {
            master: [7; 48],
            client_random: [1; 32],
            server_random: [2; 32],
        };
        let provider = rtc_crypto::default_provider().unwrap();
        let mut client = secrets.keys(provider.crypto(), true).unwrap();
        let mut server = secrets.keys(provider.crypto(), false).unwrap();
        let sealed = client.seal(23, (1, 9), b"data", None).unwrap();
        let record = records(&sealed).0[0];
        assert_eq!(server.open(record).unwrap(), b"data");
        assert_eq!(client.open_own(record).unwrap(), b"data");
        assert_eq!(client.open(record), None, "a mirror is not the peer");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            for record in records(&flipped).0 {
                assert_eq!(server.open(record), None, "bit {bit}");
            }
        }
        assert_eq!(client.seal(23, (1, 1 << 48), b"", None), None);
    }

    #[test]
    fn a_key_log_line_is_what_wireshark_reads() {
        let secrets = Secrets {
            master: [0xab; 48],
            client_random: [0x01; 32],
            server_random: [2; 32],
        };
        let line = secrets.key_log();
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words, ["CLIENT_RANDOM", &"01".repeat(32), &"ab".repeat(48)]);
    }
}
