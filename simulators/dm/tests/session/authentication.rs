//! Who is who (DM Security 1.2).

use twinproof_dm::client::rules::decide::Rules as ClientRules;
use twinproof_dm::server::rules::decide::Rules as ServerRules;
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{Command, StatusCode};

use super::*;

fn header_codes(world: &World, client: bool) -> Vec<u16> {
    let said = world.said.iter().filter(|said| said.client == client);
    let commands = said.flat_map(|said| &said.parsed.message.commands);
    let codes = commands.filter_map(|command| match command {
        Command::Status(status) if status.cmd_ref == "0" => Some(status.code.0),
        _ => None,
    });
    codes.collect()
}

#[test]
fn every_scheme_is_believed_on_both_sides() {
    for (scheme, codes) in [
        (Scheme::Basic, [212, 200]),
        (Scheme::Md5, [212, 200]),
        (Scheme::Mac, [200, 200]),
    ] {
        let mut world = World::new(Encoding::Wbxml, scheme);
        let call = world.queue(get("./DevInfo/Mod"));
        for round in 0..3 {
            world.said.clear();
            if round > 0 {
                world.queue(get("./DevInfo/Mod"));
            }
            assert_eq!(world.session().how, End::Complete, "{scheme:?} {round}");
            assert_eq!(header_codes(&world, false), codes, "{scheme:?} {round}");
        }
        assert_eq!(world.codes(call), [200]);
        let creds = world
            .said
            .iter()
            .filter(|said| said.parsed.message.header.cred.is_some());
        assert_eq!(creds.count(), if scheme == Scheme::Mac { 0 } else { 2 });
    }
}

#[test]
fn a_stale_nonce_is_put_right_by_a_challenge() {
    for scheme in [Scheme::Md5, Scheme::Mac] {
        let (dev, srv) = (proof(scheme, "dev", "x"), proof(scheme, "S", "y"));
        let stale = |proof: &Proof| Proof {
            nonce: b"stale".to_vec(),
            ..proof.clone()
        };
        let mut world = World::with(Encoding::Xml, (&stale(&dev), &srv), (&dev, &srv));
        let call = world.queue(get("./DevInfo/Mod"));
        assert_eq!(world.session().how, End::Complete, "{scheme:?}");
        assert_eq!(header_codes(&world, false)[0], 401);
        assert_eq!(world.codes(call), [200]);
        // Package 1 is said again as a whole, in the same session.
        let first = &world.said[0].parsed.message;
        let again = &world.said[2].parsed.message;
        assert_eq!(first.header.session_id, again.header.session_id);
        assert_eq!(again.header.msg_id, "2");
        assert_eq!(
            again.commands.iter().map(Command::name).collect::<Vec<_>>(),
            ["Status", "Alert", "Replace"]
        );
        // And a stale nonce of the server's.
        let mut world = World::with(Encoding::Xml, (&dev, &stale(&srv)), (&dev, &srv));
        let call = world.queue(Act::Add(put("./Vendor/Open/a", "1")));
        assert_eq!(world.session().how, End::Complete, "{scheme:?}");
        assert_eq!(header_codes(&world, true)[0], 401);
        assert_eq!(world.codes(call), [200]);
    }
}

#[test]
fn a_wrong_secret_is_never_believed() {
    for scheme in Scheme::ALL {
        let (dev, srv) = (proof(scheme, "dev", "x"), proof(scheme, "S", "y"));
        let wrong = |proof: &Proof| Proof {
            secret: b"wrong".to_vec(),
            ..proof.clone()
        };
        let mut world = World::with(Encoding::Wbxml, (&wrong(&dev), &srv), (&dev, &srv));
        world.queue(Act::Add(put("./Vendor/Open/a", "1")));
        assert_eq!(world.session().how, End::Unauthenticated, "{scheme:?}");
        assert_eq!(header_codes(&world, false), [401, 401, 401]);
        let only_statuses = |said: &&Said| {
            said.client
                || said
                    .parsed
                    .message
                    .commands
                    .iter()
                    .all(|c| c.name() == "Status")
        };
        assert!(world.said.iter().all(|said| only_statuses(&said)));

        let mut world = World::with(Encoding::Wbxml, (&dev, &wrong(&srv)), (&dev, &srv));
        world.queue(Act::Add(put("./Vendor/Open/a", "1")));
        world.session();
        assert_eq!(world.value("./Vendor/Open/a"), None, "{scheme:?}");
        assert!(!world.server.is_idle(DEVICE));
    }
}

struct Credulous;

impl ClientRules for Credulous {
    fn obeys(&self, _header: StatusCode) -> bool {
        true
    }
}

impl ServerRules for Credulous {
    fn believes(&self, _facts: ProofFacts) -> StatusCode {
        StatusCode::OK
    }
}

#[test]
fn mutants_that_believe_anybody_are_seen() {
    let (dev, srv) = (proof(Scheme::Md5, "dev", "x"), proof(Scheme::Md5, "S", "y"));
    let wrong = |proof: &Proof| Proof {
        secret: b"wrong".to_vec(),
        ..proof.clone()
    };
    let mut world = World::with(Encoding::Wbxml, (&dev, &wrong(&srv)), (&dev, &srv));
    world.clients.rules = Arc::new(Credulous);
    world.queue(Act::Add(put("./Vendor/Open/a", "1")));
    world.session();
    assert_eq!(world.value("./Vendor/Open/a").as_deref(), Some("1"));

    let mut world = World::with(Encoding::Wbxml, (&wrong(&dev), &srv), (&dev, &srv));
    world.servers.rules = Arc::new(Credulous);
    assert_eq!(world.session().how, End::Complete);
}
