//! Captures: the datagrams of a run as Wireshark opens them, a pcapng file for each attempt at a scenario.
//!
//! The ledger names parties and not addresses, and on the virtual stage there are none. So each party
//! has an address of those that are kept for documentation (RFC 5737), which the file gives its name,
//! and the system under test answers at CoAP's port.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use twinproof_evidence::record::{Record, Scene, What};

use crate::WriteError;

/// The folder of captures in a report directory.
pub const FOLDER: &str = "pcap";

/// The port of CoAP, at which Wireshark expects it.
const COAP: u16 = 5683;
/// The name of the system under test.
const SUT: &str = "sut";

/// Blocks of pcapng: section header, interface description, name resolution, enhanced packet.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const NAMES: u32 = 4;
const PACKET: u32 = 6;
/// Packets begin with their IPv4 header.
const IPV4: u16 = 228;
/// Option: a comment.
const COMMENT: u16 = 1;
/// The octets of the headers of IPv4 and UDP.
const HEADERS: usize = 28;

/// Writes a capture for each attempt at a scenario that has datagrams, below `dir`, and returns the paths.
///
/// # Errors
///
/// The folder or one of the files cannot be written.
pub fn write(dir: &Path, records: &[Record]) -> Result<Vec<PathBuf>, WriteError> {
    let folder = dir.join(FOLDER);
    let captures = captures(records);
    if captures.is_empty() {
        return Ok(Vec::new());
    }
    fs::create_dir_all(&folder).map_err(|source| WriteError {
        doing: "make the directory",
        path: folder.clone(),
        source,
    })?;
    let write = |(scene, capture): (Scene, Vec<u8>)| {
        let name = scene.scenario.replace('/', ".");
        let path = folder.join(format!("{name}.{}.pcapng", scene.attempt));
        fs::write(&path, capture).map_err(|source| WriteError {
            doing: "write",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    };
    captures.into_iter().map(write).collect()
}

/// Takes old captures out of a report directory, so that none is taken for another run's.
///
/// # Errors
///
/// One of them cannot be removed.
pub fn clear(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pcapng")
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The capture of each attempt at a scenario that has datagrams.
pub fn captures(records: &[Record]) -> BTreeMap<Scene, Vec<u8>> {
    let mut captures: BTreeMap<Scene, Capture> = BTreeMap::new();
    for record in records {
        if let (
            Some(scene),
            What::Datagram {
                exchange,
                from,
                to,
                secured,
                bytes,
            },
        ) = (&record.scene, &record.what)
        {
            let capture = captures.entry(scene.clone()).or_default();
            let opened = if *secured { ", opened" } else { "" };
            let comment = format!("{from} to {to}, message {exchange}{opened}");
            let parties = (capture.party(from), capture.party(to));
            capture.packet(record.at, parties, &bytes.octets(), &comment);
        }
    }
    let done = |(scene, capture): (Scene, Capture)| (scene, capture.done());
    captures.into_iter().map(done).collect()
}

/// A capture in the making.
#[derive(Default)]
struct Capture {
    parties: Vec<String>,
    packets: Vec<u8>,
    sent: u16,
}

impl Capture {
    /// Address and port of a party.
    fn party(&mut self, name: &str) -> (Ipv4Addr, u16) {
        let known = self.parties.iter().position(|party| party == name);
        let number = known.unwrap_or_else(|| {
            self.parties.push(name.to_owned());
            self.parties.len() - 1
        });
        let port = if name == SUT { COAP } else { 49_152 };
        (address(number), port)
    }

    /// Adds a packet that was seen at this time in microseconds.
    fn packet(
        &mut self,
        at: u64,
        (from, to): ((Ipv4Addr, u16), (Ipv4Addr, u16)),
        datagram: &[u8],
        comment: &str,
    ) {
        // What fits into no packet was never sent in one.
        let datagram = &datagram[..datagram.len().min(usize::from(u16::MAX) - HEADERS)];
        self.sent = self.sent.wrapping_add(1);
        let packet = packet(self.sent, (from, to), datagram);
        let length = (packet.len() as u32).to_le_bytes();
        let mut body = Vec::new();
        body.extend_from_slice(&0_u32.to_le_bytes());
        body.extend_from_slice(&((at >> 32) as u32).to_le_bytes());
        body.extend_from_slice(&(at as u32).to_le_bytes());
        body.extend_from_slice(&length);
        body.extend_from_slice(&length);
        padded(&mut body, &packet);
        option(&mut body, COMMENT, comment.as_bytes());
        body.extend_from_slice(&[0; 4]);
        block(&mut self.packets, PACKET, &body);
    }

    fn done(self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut section = Vec::new();
        section.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        section.extend_from_slice(&1_u16.to_le_bytes());
        section.extend_from_slice(&0_u16.to_le_bytes());
        section.extend_from_slice(&u64::MAX.to_le_bytes());
        block(&mut file, SECTION, &section);
        let mut interface = IPV4.to_le_bytes().to_vec();
        interface.extend_from_slice(&[0; 6]);
        block(&mut file, INTERFACE, &interface);
        let mut names = Vec::new();
        for (number, party) in self.parties.iter().enumerate() {
            let name = party.replace(' ', "-");
            let mut record = address(number).octets().to_vec();
            record.extend_from_slice(name.as_bytes());
            record.push(0);
            option(&mut names, 1, &record);
        }
        names.extend_from_slice(&[0; 4]);
        block(&mut file, NAMES, &names);
        file.extend_from_slice(&self.packets);
        file
    }
}

/// The address of a party, by its number: of the networks for documentation, one after the other.
fn address(number: usize) -> Ipv4Addr {
    let host = (number % 254) as u8 + 1;
    match number / 254 % 3 {
        0 => Ipv4Addr::new(192, 0, 2, host),
        1 => Ipv4Addr::new(198, 51, 100, host),
        _ => Ipv4Addr::new(203, 0, 113, host),
    }
}

/// A datagram behind its headers.
fn packet(
    id: u16,
    ((source, from), (target, to)): ((Ipv4Addr, u16), (Ipv4Addr, u16)),
    datagram: &[u8],
) -> Vec<u8> {
    let (total, udp) = (
        (HEADERS + datagram.len()) as u16,
        (8 + datagram.len()) as u16,
    );
    let mut ip = vec![0x45, 0];
    ip.extend_from_slice(&total.to_be_bytes());
    ip.extend_from_slice(&id.to_be_bytes());
    // Not in fragments; 64 hops; UDP; the checksum follows.
    ip.extend_from_slice(&[0x40, 0, 64, 17, 0, 0]);
    ip.extend_from_slice(&source.octets());
    ip.extend_from_slice(&target.octets());
    let sum = checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut segment = Vec::new();
    for field in [from, to, udp, 0] {
        segment.extend_from_slice(&field.to_be_bytes());
    }
    segment.extend_from_slice(datagram);
    let mut pseudo = [source.octets(), target.octets()].concat();
    pseudo.extend_from_slice(&[0, 17]);
    pseudo.extend_from_slice(&udp.to_be_bytes());
    // A sum of zero would say that there is none (RFC 768).
    let sum = match checksum(&[&pseudo, &segment]) {
        0 => u16::MAX,
        sum => sum,
    };
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    ip.extend_from_slice(&segment);
    ip
}

/// The checksum of the Internet protocols over parts, all but the last of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = ((12 + body.len().next_multiple_of(4)) as u32).to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&length);
    padded(out, body);
    out.extend_from_slice(&length);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    padded(out, value);
}

fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.resize(
        out.len() + (bytes.len().next_multiple_of(4) - bytes.len()),
        0,
    );
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use twinproof_evidence::record::{Body, Record, Scene, What};

    use super::{captures, checksum, packet};

    #[test]
    fn a_packet_that_says_its_sums_sums_up_to_nothing() {
        for datagram in [&b""[..], b"odd", b"even"] {
            let parties = (
                (Ipv4Addr::new(192, 0, 2, 1), 49_152),
                (Ipv4Addr::new(192, 0, 2, 2), 5683),
            );
            let packet = packet(7, parties, datagram);
            assert_eq!(packet.len(), 28 + datagram.len());
            assert_eq!(checksum(&[&packet[..20]]), 0);
            let mut pseudo = packet[12..20].to_vec();
            pseudo.extend_from_slice(&[0, 17, packet[24], packet[25]]);
            assert_eq!(checksum(&[&pseudo, &packet[20..]]), 0);
        }
    }

    #[test]
    fn each_attempt_has_a_capture_of_its_own_whose_blocks_follow_each_other() {
        let datagram = |attempt, exchange| Record {
            at: exchange << 33,
            scene: Some(Scene {
                scenario: "lwm2m/x/y".to_owned(),
                attempt,
            }),
            what: What::Datagram {
                secured: false,
                exchange,
                from: "other device".to_owned(),
                to: "sut".to_owned(),
                bytes: Body::new(&[0x40, 0, 0, 1], 4),
            },
        };
        let captures = captures(&[datagram(1, 1), datagram(1, 2), datagram(2, 1)]);
        assert_eq!(captures.len(), 2);
        let kinds = |mut file: &[u8]| {
            let mut kinds = Vec::new();
            while let [a, b, c, d, e, f, g, h, ..] = *file {
                kinds.push(u32::from_le_bytes([a, b, c, d]));
                let length = u32::from_le_bytes([e, f, g, h]) as usize;
                assert_eq!(file[length - 4..length], [e, f, g, h]);
                file = &file[length..];
            }
            assert!(file.is_empty());
            kinds
        };
        let all: Vec<_> = captures.values().map(|file| kinds(file)).collect();
        assert_eq!(
            all,
            [vec![0x0a0d_0d0a, 1, 4, 6, 6], vec![0x0a0d_0d0a, 1, 4, 6]]
        );
    }
}
