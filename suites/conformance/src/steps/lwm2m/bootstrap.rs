//! Devices without accounts, and the bootstrap server that gives them some.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::Act;
use twinproof_judge::checks::lwm2m::answer::Check as Answered;
use twinproof_judge::checks::lwm2m::bootstrap::{Check as Bootstrap, PROVISIONED};
use twinproof_judge::profile;
use twinproof_lwm2m::device::{
    self, Asked, BOOTSTRAP, Behaviour, Device, Order, Refuses, Register, Request, Shared,
};
use twinproof_stage::dtls::Credentials;
use twinproof_stage::{Halted, Handle, Security as StageSecurity};

use super::parties::{PATIENCE, Party, Who};
use crate::world::{Scene, World};

/// The instance in which devices have the account of their bootstrap server: one that nobody writes.
const ACCOUNT: u16 = 10;

/// How long a bootstrap server may take between two operations, when one of them was refused.
const QUIET: Duration = Duration::from_secs(5);

/// What was done in bootstraps so far.
#[derive(Default)]
pub(crate) struct Provisioning {
    /// What was done last.
    last: Option<Act>,
    /// The bootstrap that a scenario begins with.
    before: Option<Act>,
    /// The device refuses what is written to it, so that no end need come.
    refuses: bool,
    /// The bootstraps of two devices one after the other, and at the same time.
    alone: Vec<Act>,
    together: Vec<Act>,
}

impl Scene {
    fn bootstrap_profile(&mut self) -> Result<profile::Bootstrap, Halted> {
        match self.lwm2m_profile()?.bootstrap {
            Some(section) => Ok(section),
            None => Err(self.inconclusive("the profile has no [lwm2m.bootstrap] section")),
        }
    }

    fn bootstrap_server(&mut self) -> Result<SocketAddr, Halted> {
        let text = self.bootstrap_profile()?.server;
        self.address_in(&text)
    }

    /// Whether devices meet the bootstrap server, or the servers to which it leads them, over associations.
    fn is_bootstrap_sealed(&mut self) -> Result<bool, Halted> {
        let section = self.bootstrap_profile()?;
        let mut servers = section.endpoints.iter().flat_map(|one| &one.server);
        let leads = servers.any(|server| server.starts_with("coaps://"));
        Ok(section.is_secured() || leads)
    }

    /// A place of its own for a device, which meets the bootstrap server there as that wants it; a device that
    /// has no key of its own has another's.
    async fn unprovisioned_place(
        &mut self,
        who: &Who,
        endpoint: &str,
    ) -> Result<SocketAddr, Halted> {
        if !self.is_bootstrap_sealed()? {
            return self.stage.bind(who.name()).await;
        }
        let (section, server) = (self.bootstrap_profile()?, self.bootstrap_server()?);
        let seed = self.seed.derive(who.name());
        let security = StageSecurity::default();
        let at = self.stage.bind_secured(who.name(), security, seed).await?;
        if !section.is_secured() {
            self.stage.leave_open(at, server);
            return Ok(at);
        }
        let known = section.security.unwrap_or_default().credentials;
        let own = known.iter().find(|one| one.endpoint == endpoint);
        let Some(own) = own.or(known.last()).cloned() else {
            let why = "no device has credentials ([[lwm2m.bootstrap.security.credential]])";
            return Err(self.inconclusive(why));
        };
        let key = self.key(&own)?;
        let credentials = Credentials::psk(own.identity().as_bytes(), &key);
        self.stage.trust(at, server, credentials);
        Ok(at)
    }

    /// What the profile says of a device that the bootstrap server knows.
    fn known(&mut self, who: &Who) -> Result<profile::Endpoint, Halted> {
        let place = usize::from(*who == Who::other());
        let endpoints = self.bootstrap_profile()?.endpoints;
        let (need, have) = (place + 1, endpoints.len());
        match endpoints.into_iter().nth(place) {
            Some(endpoint) => Ok(endpoint),
            None => Err(self.inconclusive(format!(
                "it needs {need} devices that the bootstrap server knows, and the profile names {have} \
                 ([[lwm2m.bootstrap.endpoint]])"
            ))),
        }
    }

    /// A device without accounts but for that of the bootstrap server.
    async fn unprovisioned(&mut self, who: &Who, endpoint: String) -> Result<Party, Halted> {
        if let Some(party) = self.lwm2m.devices.get(who) {
            return Ok(party.clone());
        }
        let server = self.bootstrap_server()?;
        let at = self.unprovisioned_place(who, &endpoint).await?;
        let party = self
            .enter_unprovisioned(who, endpoint, (at, server))
            .await?;
        if self.bootstrap_profile()?.is_secured() {
            self.associate(who, at, server).await?;
        }
        Ok(party)
    }

    /// Puts a device on the stage that has the account of this bootstrap server and no other.
    async fn enter_unprovisioned(
        &mut self,
        who: &Who,
        endpoint: String,
        (at, server): (SocketAddr, SocketAddr),
    ) -> Result<Party, Halted> {
        let version = self.lwm2m_profile()?.version.0;
        let seed = self.seed.derive(who.name());
        let role = Device::new(endpoint.as_str(), at, seed);
        let shared = Shared::unprovisioned(version, ACCOUNT, server);
        let device = self.stage.enter(who.name(), role, Arc::new(shared));
        let party = Party {
            device,
            endpoint,
            at,
            locations: Vec::new(),
        };
        self.lwm2m.devices.insert(who.clone(), party.clone());
        self.refusing(who, None).await?;
        Ok(party)
    }

    /// A device that the bootstrap server knows.
    async fn known_device(&mut self, who: &Who) -> Result<Party, Halted> {
        let endpoint = self.known(who)?.name;
        self.unprovisioned(who, endpoint).await
    }

    /// From now on a device does nothing of its own accord, and refuses this.
    async fn refusing(&mut self, who: &Who, refuses: Option<Refuses>) -> Result<(), Halted> {
        let behaviour = Behaviour {
            keeps_registered: false,
            refuses,
            ..Behaviour::default()
        };
        let device = self.known_device_handle(who)?;
        let behave = Order::Behave(behaviour);
        self.stage.act_within(&device, behave, PATIENCE).await?;
        Ok(())
    }

    fn known_device_handle(&mut self, who: &Who) -> Result<Handle<Device>, Halted> {
        match self.lwm2m.devices.get(who) {
            Some(party) => Ok(party.device.clone()),
            None => Err(self.inconclusive(format!("nobody is called {}", who.name()))),
        }
    }

    /// Has devices ask for bootstrap at the same time, and waits until each bootstrap has come to an end
    /// or cannot come to one any more.
    async fn bootstrap(&mut self, who: &[Who]) -> Result<Vec<Act>, Halted> {
        let mut devices = Vec::new();
        for who in who {
            devices.push(self.known_device(who).await?.device);
        }
        let refuses = self.lwm2m.provisioning.refuses;
        let over = |device: &Device| {
            let shown = device.shown();
            let refused = |asked: &Asked| {
                asked.method == Code::PUT && asked.answered.is_some_and(Code::is_error)
            };
            let bootstraps = shown.bootstraps;
            bootstraps.begun == bootstraps.failed + bootstraps.finished
                || refuses && shown.asked.iter().any(refused)
        };
        let after = self.stage.recorded();
        let orders = devices
            .iter()
            .map(|device| (device.clone(), Order::Bootstrap));
        let orders = orders.collect();
        self.stage.act_together_within(orders, PATIENCE).await?;
        for device in &devices {
            let what = "the end of the bootstrap";
            self.stage.wait_for(device, what, PATIENCE, over).await;
            if refuses {
                self.quiet(device).await;
            }
        }
        let upto = self.stage.recorded();
        let acts = who.iter().map(|who| Act {
            party: who.name().to_owned(),
            after,
            upto,
        });
        let acts: Vec<Act> = acts.collect();
        self.lwm2m.provisioning.last = acts.first().cloned();
        Ok(acts)
    }

    /// Waits until nothing has been asked of a device for a while.
    async fn quiet(&mut self, device: &Handle<Device>) {
        loop {
            let asked = self.stage.look(device, |device| device.shown().asked.len());
            let more = move |device: &Device| device.shown().asked.len() > asked;
            let what = "the bootstrap server wants more";
            if !self.stage.wait_for(device, what, QUIET, more).await {
                return;
            }
        }
    }

    /// The same, where the scenario needs it to succeed.
    async fn must_bootstrap(&mut self, who: &Who) -> Result<Act, Halted> {
        let acts = self.bootstrap(std::slice::from_ref(who)).await?;
        let device = self.known_device_handle(who)?;
        let finished = self
            .stage
            .look(&device, |device| device.shown().bootstraps.finished);
        match (finished, acts.into_iter().next()) {
            (1.., Some(act)) => Ok(act),
            _ => Err(self.inconclusive("the device was not bootstrapped")),
        }
    }

    /// Has a device send a request of its own to the bootstrap server.
    async fn ask_bootstrap_server(&mut self, who: &Who, order: Order) -> Result<(), Halted> {
        let device = self.known_device_handle(who)?;
        let after = self.stage.recorded();
        self.stage.act_within(&device, order, PATIENCE).await?;
        self.lwm2m.provisioning.last = Some(Act {
            party: who.name().to_owned(),
            after,
            upto: self.stage.recorded(),
        });
        Ok(())
    }

    /// Records a check on what was done last.
    fn check_bootstrap(&mut self, check: impl FnOnce(Act) -> Bootstrap) -> Result<(), Halted> {
        let act = self.last_bootstrap()?;
        self.check(&Check::Lwm2m(check(act).into()));
        Ok(())
    }

    /// Gives who has more to say the time to say it, which belongs to what was done last.
    async fn settle_bootstrap(&mut self) {
        let settle = self.stage.pace().settle;
        self.stage.rest(settle).await;
        let upto = self.stage.recorded();
        if let Some(act) = &mut self.lwm2m.provisioning.last {
            act.upto = upto;
        }
    }

    fn check_answer(&mut self, check: impl FnOnce(Act) -> Answered) -> Result<(), Halted> {
        let act = self.last_bootstrap()?;
        self.check(&Check::Lwm2m(check(act).into()));
        Ok(())
    }

    fn last_bootstrap(&mut self) -> Result<Act, Halted> {
        match self.lwm2m.provisioning.last.clone() {
            Some(act) => Ok(act),
            None => Err(self.inconclusive("no device asked for bootstrap")),
        }
    }
}

#[given(expr = "{who} that the bootstrap server knows")]
async fn known(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().known_device(&who).await?;
    Ok(())
}

#[given(expr = "{who} that was bootstrapped")]
async fn bootstrapped(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let act = scene.must_bootstrap(&who).await?;
    scene.lwm2m.provisioning.before = Some(act);
    Ok(())
}

#[given("two devices that were bootstrapped one after the other")]
async fn one_after_the_other(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for who in [Who::first(), Who::other()] {
        let act = scene.must_bootstrap(&who).await?;
        scene.lwm2m.provisioning.alone.push(act);
    }
    Ok(())
}

#[given("the device refuses to be written to")]
async fn refuses_writes(w: &mut World) -> Result<(), Halted> {
    let refuses = Refuses {
        method: Code::PUT,
        with: Code::BAD_REQUEST,
    };
    let scene = w.scene();
    scene.lwm2m.provisioning.refuses = true;
    scene.refusing(&Who::first(), Some(refuses)).await
}

#[when(expr = "{who} asks for bootstrap")]
#[when(expr = "{who} asks for bootstrap again")]
async fn asks(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().bootstrap(&[who]).await?;
    Ok(())
}

#[when("both devices ask for bootstrap at the same time")]
async fn both_ask(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let acts = scene.bootstrap(&[Who::first(), Who::other()]).await?;
    scene.lwm2m.provisioning.together = acts;
    Ok(())
}

#[when("a stranger asks for bootstrap")]
async fn stranger_asks(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let who = Who::numbered(0);
    let seed = scene.seed.derive(who.name());
    let endpoint = format!("twinproof-{:08x}", seed.rng().u32(..));
    scene.unprovisioned(&who, endpoint).await?;
    scene.ask_bootstrap_server(&who, Order::Bootstrap).await
}

#[when("somebody asks for bootstrap without a name")]
async fn nameless_asks(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let who = Who::numbered(0);
    scene.unprovisioned(&who, "nameless".to_owned()).await?;
    let request = Request {
        server: BOOTSTRAP,
        ..Request::new(Code::POST, "/bs")
    };
    scene
        .ask_bootstrap_server(&who, Order::Request(request))
        .await
}

#[when("somebody asks in the clear for what is the device's")]
async fn asks_in_the_clear(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (section, endpoint) = (scene.bootstrap_profile()?, scene.known(&Who::first())?.name);
    let plain = section.security.and_then(|security| security.plain);
    let Some(plain) = plain else {
        return Err(scene.inconclusive(
            "nobody knows where the bootstrap server takes requests in the clear; \
             lwm2m.bootstrap.security.plain says it, and [lwm2m.claims] \"LW-SEC-17\" = false that there is \
             no such place",
        ));
    };
    let server = scene.address_in(&plain)?;
    let who = Who::numbered(1);
    let at = scene.stage.bind(who.name()).await?;
    let party = scene
        .enter_unprovisioned(&who, endpoint, (at, server))
        .await?;
    // Silence says something only of who is there.
    let hello = Order::Request(Request {
        server: BOOTSTRAP,
        ..Request::new(Code::GET, "/.well-known/core")
    });
    let device = party.device;
    let heard = scene.stage.act_within(&device, hello, PATIENCE).await?;
    if matches!(heard, device::Answer::NoAnswer) {
        return Err(scene.inconclusive(format!(
            "nobody is there in the clear: {plain} does not answer any request \
             (lwm2m.bootstrap.security.plain)"
        )));
    }
    scene.ask_bootstrap_server(&who, Order::Bootstrap).await
}

#[when("another device asks for what is the device's")]
async fn asks_for_anothers(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let endpoint = scene.known(&Who::first())?.name;
    let own = scene.known(&Who::other())?.name;
    let (who, server) = (Who::numbered(2), scene.bootstrap_server()?);
    let at = scene.unprovisioned_place(&who, &own).await?;
    scene
        .enter_unprovisioned(&who, endpoint, (at, server))
        .await?;
    scene.associate(&who, at, server).await?;
    scene.ask_bootstrap_server(&who, Order::Bootstrap).await
}

#[then("the bootstrap server does not do it")]
async fn does_not(w: &mut World) -> Result<(), Halted> {
    w.scene().check_answer(|act| Answered::Refused { act })
}

#[when("the device registers with what it was given")]
async fn registers_there(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let declared = scene.known(&Who::first())?.server;
    let Some(text) = declared else {
        let why = "the profile does not say to which server the device is led \
                   (server of [[lwm2m.bootstrap.endpoint]])";
        return Err(scene.inconclusive(why));
    };
    let device = scene.known_device_handle(&Who::first())?;
    let servers = scene.stage.look(&device, Device::led_to);
    let schemes = ["coap://", "coaps://"];
    let mut addresses = schemes
        .iter()
        .filter_map(|scheme| text.strip_prefix(scheme));
    let address = addresses.find_map(|text| text.parse().ok());
    // Nobody is asked but who is declared.
    let Some(place) = servers.iter().position(|server| Some(*server) == address) else {
        return Err(scene.inconclusive(format!(
            "the profile says that the device is led to {text:?}, and its accounts lead to {servers:?}"
        )));
    };
    scene.stage.introduce_address(servers[place], PROVISIONED);
    let register = Register {
        server: place,
        ..Register::default()
    };
    scene
        .ask_bootstrap_server(&Who::first(), Order::Register(register))
        .await
}

#[then("the bootstrap server confirms the request")]
async fn confirms(w: &mut World) -> Result<(), Halted> {
    let code = "2.04".to_owned();
    w.scene()
        .check_answer(|act| Answered::Confirmed { act, code })
}

#[then("the bootstrap server refuses the request as a bad request")]
async fn refuses(w: &mut World) -> Result<(), Halted> {
    let code = "4.00".to_owned();
    w.scene()
        .check_answer(|act| Answered::RefusedWith { act, code })
}

#[then("the device is given accounts and told that it is over")]
async fn is_provisioned(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let before = scene.lwm2m.provisioning.before.clone();
    scene.check_bootstrap(|act| Bootstrap::Provisioned { act, before })
}

#[then("the accounts that the device was given are whole and fit together")]
async fn fits(w: &mut World) -> Result<(), Halted> {
    w.scene().check_bootstrap(|act| Bootstrap::Fits { act })
}

#[then("the operations come after the confirmation and ask to be acknowledged")]
async fn in_order(w: &mut World) -> Result<(), Halted> {
    w.scene().check_bootstrap(|act| Bootstrap::InOrder { act })
}

#[then("nothing comes after the end")]
async fn ended(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.settle_bootstrap().await;
    scene.check_bootstrap(|act| Bootstrap::Ended { act })
}

#[then("the server to which the device was led confirms the registration")]
async fn led(w: &mut World) -> Result<(), Halted> {
    w.scene().check_bootstrap(|act| Bootstrap::Led { act })
}

#[then("nothing is written to it")]
async fn spared(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.settle_bootstrap().await;
    scene.check_bootstrap(|act| Bootstrap::Spared { act })
}

#[then("the bootstrap server does not call that a success")]
async fn honest(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.settle_bootstrap().await;
    scene.check_bootstrap(|act| Bootstrap::Honest { act })
}

#[then("each device is given what is its own")]
async fn unmixed(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let provisioning = &scene.lwm2m.provisioning;
    let pair = |acts: &[Act]| -> Option<[Act; 2]> { acts.to_vec().try_into().ok() };
    let both = pair(&provisioning.alone).zip(pair(&provisioning.together));
    let Some((alone, together)) = both else {
        return Err(scene.inconclusive("two devices were not bootstrapped twice"));
    };
    let check = Bootstrap::Unmixed { alone, together };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
