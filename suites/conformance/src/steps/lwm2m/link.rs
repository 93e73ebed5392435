//! What lies between devices and the server.

use std::time::Duration;

use cucumber::given;
use twinproof_kernel::Faults;
use twinproof_lwm2m::device::Order;
use twinproof_stage::Halted;

use super::parties::{Who, device_lifetime};
use crate::world::World;

/// How long a slow link takes in each direction: an answer then comes after the request was repeated.
const SLOW: Duration = Duration::from_millis(1_600);

/// What a link can be like, and how a scenario calls it.
const LINKS: [(&str, Faults); 4] = [
    (
        "doubles every datagram",
        Faults {
            duplication: 1.0,
            ..GOOD
        },
    ),
    (
        "is slow",
        Faults {
            delay: SLOW,
            ..GOOD
        },
    ),
    ("loses 5 %", Faults { loss: 0.05, ..GOOD }),
    (
        "lets datagrams overtake each other",
        Faults {
            reordering: 0.5,
            ..GOOD
        },
    ),
];

const GOOD: Faults = Faults {
    loss: 0.0,
    duplication: 0.0,
    reordering: 0.0,
    delay: Duration::ZERO,
};

#[given(
    regex = r"^the link of (the|the other) device (doubles every datagram|is slow|loses 5 %|lets datagrams overtake each other)$"
)]
async fn link_is(w: &mut World, who: String, like: String) -> Result<(), Halted> {
    let scene = w.scene();
    let who: Who = match format!("{who} device").parse() {
        Ok(who) => who,
        Err(never) => match never {},
    };
    scene.device(&who, device_lifetime()).await?;
    let Some((_, faults)) = LINKS.iter().find(|(name, _)| *name == like) else {
        return Err(scene.inconclusive(format!("nobody knows a link that {like}")));
    };
    let seed = scene.seed;
    scene.stage.impair(who.name(), *faults, seed);
    Ok(())
}

#[given(expr = "a NAT has given {who} another address")]
async fn another_address(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let old = scene.device(&who, device_lifetime()).await?.at;
    let section = scene.lwm2m_profile()?;
    let server = scene.address_in(section.server.as_deref().unwrap_or_default())?;
    let secured = section.is_secured();
    let to = match secured {
        true => scene.secured_place(&who, server, None).await?,
        false => scene.stage.bind(who.name()).await?,
    };
    scene.tell(&who, Order::Move { to }).await?;
    scene.stage.unbind(old);
    // Without connection identifiers, nobody is known at another address.
    if secured {
        scene.associate(&who, to, server).await?;
    }
    if let Some(party) = scene.lwm2m.devices.get_mut(&who) {
        party.at = to;
    }
    Ok(())
}
