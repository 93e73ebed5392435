//! Who the members of a fleet are.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use twinproof_kernel::{Identity, Seed};

/// How members are told apart on the network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Addresses {
    /// Each has an address of its own, counted from `first`, and all have the same port.
    Block {
        /// The address of member 0.
        first: Ipv4Addr,
        /// The port of all.
        port: u16,
    },
    /// All have the same address, and each has a port of its own, counted from `first`.
    Ports {
        /// The address of all.
        address: IpAddr,
        /// The port of member 0.
        first: u16,
    },
    /// As `Block`, of IPv6.
    Prefix {
        /// The address of member 0.
        first: Ipv6Addr,
        /// The port of all.
        port: u16,
    },
}

impl Addresses {
    /// How many members there can be.
    pub fn room(&self) -> u64 {
        match *self {
            // 127.255.255.255 and its like are broadcast addresses of the largest block there can be.
            Self::Block { first, .. } if first.is_loopback() => {
                u64::from(u32::from(Ipv4Addr::new(127, 255, 255, 255)) - u32::from(first))
            }
            Self::Block { first, .. } => u64::from(u32::MAX - u32::from(first)),
            Self::Ports { first, .. } => u64::from(u16::MAX - first) + 1,
            // The next one is not of loopback any more.
            Self::Prefix { first, .. } if first.is_loopback() => 1,
            Self::Prefix { first, .. } => {
                u64::try_from(u128::MAX - u128::from(first)).unwrap_or(u64::MAX)
            }
        }
    }

    /// The address of a member; none if there is no room for it.
    pub fn of(&self, member: u32) -> Option<SocketAddr> {
        if u64::from(member) >= self.room() {
            return None;
        }
        Some(match *self {
            Self::Block { first, port } => {
                SocketAddr::from((Ipv4Addr::from(u32::from(first) + member), port))
            }
            Self::Ports { address, first } => SocketAddr::new(address, first + member as u16),
            Self::Prefix { first, port } => {
                let ip = Ipv6Addr::from(u128::from(first) + u128::from(member));
                SocketAddr::from((ip, port))
            }
        })
    }

    /// The member at an address, if it is one of the first `members`.
    pub fn member(&self, at: SocketAddr, members: u32) -> Option<u32> {
        let member = match (*self, at) {
            (Self::Block { first, port }, SocketAddr::V4(at)) if at.port() == port => {
                u32::from(*at.ip()).checked_sub(first.into())?
            }
            (Self::Ports { address, first }, at) if at.ip() == address => {
                at.port().checked_sub(first)?.into()
            }
            (Self::Prefix { first, port }, SocketAddr::V6(at)) if at.port() == port => {
                let place = u128::from(*at.ip()).checked_sub(first.into())?;
                u32::try_from(place).ok()?
            }
            _ => return None,
        };
        (member < members).then_some(member)
    }
}

/// Two primes, of which the product is more than the number of members there can be.
const STRIDES: [u64; 2] = [1_000_003, 999_983];

/// The one of so many members whose turn it is, if everybody has one before anybody has another, in an order that jumps about.
pub const fn spread(turn: u64, members: u32) -> u32 {
    let members = members as u64;
    if members == 0 {
        return 0;
    }
    (turn % members * stride(members) % members) as u32
}

/// A prime that does not divide their number leads to all of them.
const fn stride(members: u64) -> u64 {
    if members.is_multiple_of(STRIDES[0]) {
        STRIDES[1]
    } else {
        STRIDES[0]
    }
}

/// Which of the first `members` turns, in which everybody has one, those of `part` have, in their order.
pub fn turns_of(part: Range<u32>, members: u32) -> Vec<u32> {
    let count = u64::from(members);
    // What the stride has to be multiplied with to come to 1, by Euclid.
    let (mut a, mut b) = (
        i128::from(count),
        i128::from(stride(count.max(1)) % count.max(1)),
    );
    let (mut x, mut inverse) = (0_i128, 1_i128);
    while b > 1 {
        let quotient = a / b;
        (a, b) = (b, a - quotient * b);
        (x, inverse) = (inverse, x - quotient * inverse);
    }
    let inverse = inverse.rem_euclid(i128::from(count.max(1))) as u64;
    let mut turns: Vec<u32> = (part.start..part.end.min(members))
        .map(|member| (u64::from(member) * inverse % count) as u32)
        .collect();
    turns.sort_unstable();
    turns
}

/// Who the members are: their addresses, names and seeds all follow from their numbers.
#[derive(Clone, Debug)]
pub struct Roster {
    /// The number of the first.
    first: u32,
    members: u32,
    addresses: Addresses,
    prefix: String,
    seed: Seed,
}

/// There are fewer addresses than members.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooMany {
    /// How many members there should be.
    pub members: u32,
    /// How many there can be.
    pub room: u64,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { members, room } = self;
        write!(
            f,
            "{members} devices need as many addresses, and there are {room} from the first one on: \
             begin lower, or take fewer devices"
        )
    }
}

impl std::error::Error for TooMany {}

impl Roster {
    /// Members at these addresses, called `prefix` and their number, whose random choices follow from `seed`
    /// and their names.
    ///
    /// # Errors
    ///
    /// When there is no room for so many.
    pub fn new(
        members: u32,
        addresses: Addresses,
        prefix: impl Into<String>,
        seed: Seed,
    ) -> Result<Self, TooMany> {
        let room = addresses.room();
        // The last number stands for nobody in the wheel.
        if u64::from(members) > room || members == u32::MAX {
            return Err(TooMany { members, room });
        }
        Ok(Self {
            first: 0,
            members,
            addresses,
            prefix: prefix.into(),
            seed,
        })
    }

    /// Those of them with these numbers, as far as there are such: member 0 of the part is the first of them, and all are
    /// called, addressed and seeded as they are in the whole.
    #[must_use]
    pub fn part(&self, numbers: Range<u32>) -> Self {
        let end = numbers.end.min(self.members);
        let start = numbers.start.min(end);
        Self {
            first: self.first + start,
            members: end - start,
            ..self.clone()
        }
    }

    /// The same members, with random choices that follow from another seed.
    #[must_use]
    pub const fn seeded(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// How many members there are.
    pub const fn members(&self) -> u32 {
        self.members
    }

    /// The member whose turn it is, if everybody has one before anybody has another, in an order that jumps about.
    pub const fn spread(&self, turn: u64) -> u32 {
        spread(turn, self.members)
    }

    /// The member at an address.
    pub fn member(&self, at: SocketAddr) -> Option<u32> {
        let number = self.addresses.member(at, self.first + self.members)?;
        number.checked_sub(self.first)
    }

    /// The address of a member; none if there is no such member.
    pub fn address(&self, member: u32) -> Option<SocketAddr> {
        let member = Some(member).filter(|member| *member < self.members)?;
        self.addresses.of(self.first + member)
    }

    /// Who a member is; its name is written to `name`. None if there is no such member.
    pub fn identity<'n>(&self, member: u32, name: &'n mut String) -> Option<Identity<'n>> {
        let at = self.address(member)?;
        name.clear();
        name.push_str(&self.prefix);
        push_number(name, self.first + member);
        Some(Identity {
            name,
            at,
            seed: self.seed.derive(name),
        })
    }
}

/// Adds a number, as it is written.
fn push_number(text: &mut String, number: u32) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(first: [u8; 4]) -> Addresses {
        Addresses::Block {
            first: first.into(),
            port: 5683,
        }
    }

    #[test]
    fn members_and_addresses_follow_from_each_other() {
        let ports = Addresses::Ports {
            address: [127, 0, 0, 1].into(),
            first: 20_000,
        };
        let prefix = Addresses::Prefix {
            first: "2001:db8::fffe".parse().unwrap(),
            port: 5683,
        };
        for addresses in [block([127, 1, 0, 1]), ports, prefix] {
            let roster = Roster::new(40_000, addresses, "dev-", Seed::new(1)).unwrap();
            let mut name = String::new();
            for member in [0, 1, 255, 256, 39_999] {
                let who = roster.identity(member, &mut name).unwrap();
                assert_eq!(who.name, format!("dev-{member}"));
                assert_eq!(roster.member(who.at), Some(member));
            }
            assert_eq!(roster.identity(40_000, &mut name), None);
            let beyond = addresses.of(40_000).unwrap();
            assert_eq!(roster.member(beyond), None);
            assert_eq!(roster.member("127.0.255.255:5683".parse().unwrap()), None);
            assert_eq!(roster.member("127.1.0.1:5684".parse().unwrap()), None);
            for other in ["[2001:db8::fffd]:5683", "[2001:db8:0:1::fffe]:5683"] {
                assert_eq!(roster.member(other.parse().unwrap()), None);
            }
        }
    }

    #[test]
    fn everybody_has_a_turn() {
        for members in [1, 2, 64, 1_000_003, 999_983] {
            let roster = Roster::new(members, block([127, 1, 0, 1]), "", Seed::new(1)).unwrap();
            let mut seen = vec![false; members as usize];
            for turn in 0..u64::from(members) {
                let member = roster.spread(turn) as usize;
                assert!(
                    !std::mem::replace(&mut seen[member], true),
                    "{member} twice"
                );
            }
            assert_eq!(roster.spread(members.into()), roster.spread(0));
        }
    }

    #[test]
    fn the_turns_of_a_part_are_those_that_lead_to_it() {
        for members in [1, 2, 97, 1_000, 1_000_003] {
            for part in [0..members.min(1_000), members / 3..members / 3 + 1] {
                let mut expected: Vec<u32> = Vec::new();
                for turn in 0..members {
                    if part.contains(&spread(turn.into(), members)) {
                        expected.push(turn);
                    }
                }
                assert_eq!(turns_of(part, members), expected, "of {members}");
            }
        }
        assert!(turns_of(0..5, 0).is_empty());
    }

    #[test]
    fn who_is_in_a_part_is_who_it_is_in_the_whole() {
        let whole = Roster::new(100, block([127, 1, 0, 1]), "dev-", Seed::new(1)).unwrap();
        let part = whole.part(40..70);
        assert_eq!(part.members(), 30);
        let (mut name, mut other) = (String::new(), String::new());
        for member in 0..30 {
            let who = part.identity(member, &mut name).unwrap();
            assert_eq!(Some(who), whole.identity(40 + member, &mut other));
            assert_eq!(part.member(who.at), Some(member));
        }
        assert_eq!(part.address(30), None);
        for outside in [39, 70] {
            assert_eq!(part.member(whole.address(outside).unwrap()), None);
        }
        assert_eq!(whole.part(90..200).members(), 10);
    }

    #[test]
    fn there_is_no_member_without_an_address() {
        let addresses = block([127, 255, 255, 250]);
        assert_eq!(addresses.room(), 5);
        assert_eq!(addresses.of(5), None);
        let error = Roster::new(6, addresses, "", Seed::new(1)).unwrap_err();
        assert_eq!(
            error,
            TooMany {
                members: 6,
                room: 5
            }
        );
        assert!(error.to_string().contains("there are 5"), "{error}");
        let prefix = |first| Addresses::Prefix { first, port: 5683 };
        assert_eq!(prefix(Ipv6Addr::LOCALHOST).room(), 1);
        let high = prefix(Ipv6Addr::from(u128::MAX - 2));
        assert_eq!((high.room(), high.of(2)), (2, None));
    }
}
