//! A bootstrap that a client fetches, and how it comes by the address.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::bootstrap::Made;
use twinproof_dm::bootstrap::library::{Library, Order, Page};
use twinproof_dm::client::Card;
use twinproof_dm::provisioning::protection::{Method, Profile, Protection, mac};
use twinproof_dm::server::Server;
use twinproof_dm::upper::{Act, Put};
use twinproof_judge::checks::dm::bootstrapped::{Basis, Check as Bootstrapped, Fetch};
use twinproof_stage::{Deed, Halted, Handle};

use super::super::{ends, interior, put};
use super::{Guard, Who};
use crate::target::BOOTSTRAP_SERVER;
use crate::world::{Scene, World};

/// What stands below the node with the addresses of bootstrap servers.
const ENTRY: &str = "Twinproof";

impl Scene {
    /// Where the tester's bootstrap server is, which enters when it is first spoken of.
    async fn library(&mut self) -> Result<(String, Handle<Library>), Halted> {
        self.freshen().await?;
        if let Some(library) = &self.dm.newcomers.library {
            return Ok(library.clone());
        }
        let base = self.stage.listen(BOOTSTRAP_SERVER).await?;
        let role = Library::default();
        let handle = self.stage.enter(BOOTSTRAP_SERVER, role, Arc::new(()));
        let library = (base, handle);
        Ok(self.dm.newcomers.library.insert(library).clone())
    }

    /// Puts a document where a client can fetch it; the URL.
    pub(super) async fn puts(
        &mut self,
        status: u16,
        made: Option<(Made, String)>,
    ) -> Result<String, Halted> {
        let (base, library) = self.library().await?;
        let number = self.dm.newcomers.fetches.len() + 1;
        let path = format!("/bootstrap/{number}");
        let (octets, content_type) = match made {
            Some((made, content_type)) => (made.octets, content_type),
            None => (Vec::new(), "text/plain".to_owned()),
        };
        let digest = mac(b"tag", &octets);
        let digits = digest[..8].iter().map(|octet| format!("{octet:02x}"));
        let tag = format!("\"{}\"", digits.collect::<String>());
        self.dm.newcomers.tag.clone_from(&tag);
        let page = Page {
            status,
            content_type,
            octets,
            tag: Some(tag),
        };
        let order = Order {
            path: path.clone(),
            page,
        };
        self.stage.act(&library, order).await?;
        self.dm.newcomers.fetches.push(Fetch {
            party: BOOTSTRAP_SERVER.to_owned(),
            path: path.clone(),
            after: self.stage.recorded(),
        });
        Ok(format!("{base}{path}"))
    }

    /// An address at which nothing but that somebody asks is of interest.
    async fn library_address(&mut self) -> Result<String, Halted> {
        self.puts(404, None).await
    }

    /// Waits until what was put there last is asked for.
    pub(super) async fn is_fetched(&mut self) -> Result<(), Halted> {
        let (_, library) = self.library().await?;
        let last = self.dm.newcomers.fetches.last();
        let path = last.map(|fetch| fetch.path.clone()).unwrap_or_default();
        let patience = self.dm_client()?.patience.duration();
        let asked = move |library: &Library| library.asked().contains(&path);
        let what = "the bootstrap is asked for";
        self.stage.wait_for(&library, what, patience, asked).await;
        // The answer is on its way when the question is known.
        self.settles().await;
        Ok(())
    }

    pub(super) async fn settles(&mut self) {
        let settle = self.stage.pace().settle;
        self.stage.rest(settle).await;
    }

    /// Lets the client fetch the account of a server, until it comes there.
    async fn lets_fetch(&mut self, who: Who, status: u16) -> Result<(), Halted> {
        let kind = self.kind()?;
        let made = self.made(who, kind, &[])?;
        for form in self.forms(&Guard::NetworkId, kind)? {
            let key = self.key_of(&Guard::NetworkId, kind, form)?;
            let content_type = made.protected(Method::NetworkId, &key);
            let url = self
                .puts(status, Some((made.clone(), content_type)))
                .await?;
            self.stage.bootstrap_dm(Deed::Fetch(url)).await?;
            self.is_fetched().await?;
            match status {
                200 if self.comes(who).await? => break,
                _ => self.settles().await,
            }
        }
        Ok(())
    }

    /// Pushes the address of a bootstrap server, with what `spoil` makes of what protects it.
    async fn pushes_address(
        &mut self,
        url: &str,
        spoil: impl Fn(Protection) -> Option<Protection>,
    ) -> Result<(), Halted> {
        let own = self.bootstrapped()?;
        for form in self.forms(&Guard::NetworkId, Profile::Message)? {
            let key = self.key_of(&Guard::NetworkId, Profile::Message, form)?;
            let protection = spoil(Protection::new(Method::NetworkId, &key, url.as_bytes()));
            let name = &own.names.address_type;
            let content_type = match protection {
                Some(protection) => format!("{name}; {protection}"),
                None => name.clone(),
            };
            self.carry(&content_type, url.as_bytes().to_vec()).await?;
        }
        Ok(())
    }

    /// Has the client's own server set a switch of the object.
    async fn switches(&mut self, leaf: &str, on: bool) -> Result<(), Halted> {
        let own = self.bootstrapped()?;
        let act = Act::Replace(Put {
            format: Some("bool".to_owned()),
            ..put(
                format!("{}/{leaf}", own.names.object),
                if on { "true" } else { "false" },
            )
        });
        self.sets_up(0, vec![act]).await
    }

    /// The last thing that the client was to fetch.
    fn last_fetch(&mut self) -> Result<Fetch, Halted> {
        match self.dm.newcomers.fetches.last().cloned() {
            Some(fetch) => Ok(fetch),
            None => Err(self.inconclusive("there is nothing to fetch")),
        }
    }

    fn check_fetched(&mut self, basis: Basis) -> Result<(), Halted> {
        let fetch = self.last_fetch()?;
        self.check_dm_bootstrapped(Bootstrapped::Fetched { fetch, basis });
        Ok(())
    }

    fn check_not_fetched(&mut self, basis: Basis) -> Result<(), Halted> {
        let other = self.last_fetch()?;
        let Some(fetch) = self.dm.newcomers.fetches.first().cloned() else {
            return Err(self.inconclusive("there is nothing that is not to be fetched"));
        };
        self.check_dm_bootstrapped(Bootstrapped::NotFetched {
            fetch,
            other,
            basis,
        });
        Ok(())
    }
}

#[when("the client fetches the account from the bootstrap server")]
async fn fetches(world: &mut World) -> Result<(), Halted> {
    world.scene().lets_fetch(Who::New, 200).await
}

#[when("the client fetches it again, which has not changed")]
async fn fetches_again(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (base, library) = scene.library().await?;
    let before = scene.last_fetch()?;
    let url = format!("{base}{}", before.path);
    let after = scene.stage.recorded();
    let again = Fetch { after, ..before };
    scene.dm.newcomers.fetches.push(again);
    let count = |library: &Library| library.asked().len();
    let asked = scene.stage.look(&library, count);
    scene.stage.bootstrap_dm(Deed::Fetch(url)).await?;
    let patience = scene.dm_client()?.patience.duration();
    let what = "the bootstrap is asked for again";
    let came = move |library: &Library| count(library) > asked;
    scene.stage.wait_for(&library, what, patience, came).await;
    // What the client has must be as good as before.
    let after = scene.stage.recorded();
    if let Some(newcomer) = scene.dm.newcomers.servers.get_mut(&Who::New) {
        newcomer.after = after;
    }
    let newcomer = scene.of(Who::New)?;
    scene.stage.nudge_dm(&newcomer.account.server_id).await?;
    let what = "another session with the server of the account has ended";
    let ended = |server: &Server| ends(server) > 1;
    let server = &newcomer.server;
    scene.stage.wait_for(server, what, patience, ended).await;
    Ok(())
}

#[when(
    "the client fetches an account of the one, which comes with an error, and then one of the other"
)]
async fn fetches_error(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.lets_fetch(Who::New, 500).await?;
    scene.lures(Who::New).await?;
    scene.lets_fetch(Who::Other, 200).await
}

#[given("a client whose server has inhibited discovery")]
async fn discovery_off(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.freshen().await?;
    let leaf = scene.bootstrapped()?.names.discovery;
    scene.switches(&leaf, false).await
}

#[given("a client whose server has inhibited discovery, and then allowed it")]
async fn discovery_on(world: &mut World) -> Result<(), Halted> {
    discovery_off(world).await?;
    let scene = world.scene();
    let leaf = scene.bootstrapped()?.names.discovery;
    scene.switches(&leaf, true).await
}

#[when("a bootstrap server is announced where the client looks for one")]
async fn announced(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.stage.bootstrap_dm(Deed::Announce(url)).await?;
    scene.is_fetched().await
}

#[when("a bootstrap server is announced, and another one after discovery was allowed")]
async fn announced_twice(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.stage.bootstrap_dm(Deed::Announce(url)).await?;
    scene.settles().await;
    let leaf = scene.bootstrapped()?.names.discovery;
    scene.switches(&leaf, true).await?;
    announced(world).await
}

#[given("a client whose server has inhibited pushed addresses")]
async fn push_off(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.freshen().await?;
    let leaf = scene.bootstrapped()?.names.push;
    scene.switches(&leaf, false).await
}

#[given("a client whose server has inhibited pushed addresses, and then allowed them")]
async fn push_on(world: &mut World) -> Result<(), Halted> {
    push_off(world).await?;
    let scene = world.scene();
    let leaf = scene.bootstrapped()?.names.push;
    scene.switches(&leaf, true).await
}

#[when("the address of a bootstrap server is pushed to the client")]
async fn address_pushed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.pushes_address(&url, Some).await?;
    scene.is_fetched().await
}

#[when("an address is pushed to the client, and another one after pushing was allowed")]
async fn address_pushed_twice(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.pushes_address(&url, Some).await?;
    scene.settles().await;
    let leaf = scene.bootstrapped()?.names.push;
    scene.switches(&leaf, true).await?;
    address_pushed(world).await
}

#[when("an address with a wrong MAC is pushed to the client, and then another one as it has to be")]
async fn address_forged(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    let spoil = |protection: Protection| {
        let mut mac = protection.mac;
        mac[0] ^= 1;
        Some(Protection { mac, ..protection })
    };
    scene.pushes_address(&url, spoil).await?;
    scene.settles().await;
    address_pushed(world).await
}

#[when("an address without a MAC is pushed to the client, and then another one as it has to be")]
async fn address_unprotected(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.pushes_address(&url, |_| None).await?;
    scene.settles().await;
    address_pushed(world).await
}

#[given("a client to which its server has given the address of a bootstrap server")]
async fn given_address(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    let names = scene.bootstrapped()?.names;
    let entry = format!("{}/{}/{ENTRY}", names.object, names.servers);
    let leaf = format!("{entry}/{}", names.url);
    let acts = vec![interior(&entry), Act::Add(put(leaf, &url))];
    scene.sets_up(0, acts).await
}

#[given(
    "a client to which its server has given the address of a bootstrap server, and then another one in its place"
)]
async fn given_another_address(world: &mut World) -> Result<(), Halted> {
    given_address(world).await?;
    let scene = world.scene();
    let url = scene.library_address().await?;
    let names = scene.bootstrapped()?.names;
    let leaf = format!("{}/{}/{ENTRY}/{}", names.object, names.servers, names.url);
    scene.sets_up(0, vec![Act::Replace(put(leaf, &url))]).await
}

#[given("a client with a card that has the address of a bootstrap server")]
async fn card_with_address(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = Some(scene.library_address().await?);
    let card = Card {
        url,
        ..Card::default()
    };
    scene.stage.bootstrap_dm(Deed::Insert(card)).await
}

#[when("the client bootstraps itself")]
async fn calls(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.stage.bootstrap_dm(Deed::Call).await?;
    scene.is_fetched().await
}

#[then("the client names the document that it has")]
fn asks_again(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let fetch = scene.last_fetch()?;
    let tag = scene.dm.newcomers.tag.clone();
    scene.check_dm_bootstrapped(Bootstrapped::AskedAgain { fetch, tag });
    Ok(())
}

#[then("the client fetches its bootstrap there")]
fn fetched(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Text)
}

#[then("the client fetches its bootstrap there, as its server allows")]
fn fetched_as_allowed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Discovery)
}

#[then("the client fetches its bootstrap from the other one only")]
fn not_discovered(world: &mut World) -> Result<(), Halted> {
    world.scene().check_not_fetched(Basis::Discovery)
}

#[then("the client fetches its bootstrap from the address that was pushed")]
fn followed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Address)
}

#[then("the client fetches its bootstrap from the good address only")]
fn not_followed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_not_fetched(Basis::Address)
}

#[then("the client fetches its bootstrap from the address, as its server allows")]
fn followed_as_allowed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Push)
}

#[then("the client follows the later address only")]
fn not_followed_as_inhibited(world: &mut World) -> Result<(), Halted> {
    world.scene().check_not_fetched(Basis::Push)
}

#[then("the client fetches its bootstrap from the address that it was given")]
fn fetched_from_object(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Object)
}
