//! Where those are reached whose address a profile fixes.

mod party;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use party::{local, stage};
use twinproof_evidence::ledger::Ledger;
use twinproof_kernel::http::{Request, Response};
use twinproof_stage::{Network, Options, Place};

const TIMEOUT: Duration = Duration::from_secs(20);

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn an_address_of_ones_own_goes_before_the_one_that_all_share_and_stays_over_scenes() {
    local(async {
        let (shared, own) = (free(), free());
        let mut options = Options::new(TIMEOUT);
        options.callbacks = Some(Place {
            listen: shared.to_string(),
            advertise: None,
        });
        options.ports.insert("caller".to_owned(), own);
        let network = Network::open(&options).unwrap();
        for scene in ["first", "second"] {
            let ledger = Ledger::in_memory();
            let (mut stage, _) = stage(&network, &ledger, scene, TIMEOUT);
            let base = stage.listen("caller").await.unwrap();
            assert_eq!(base, format!("http://{own}"));
            let other = stage.listen("somebody else").await.unwrap();
            assert!(other.starts_with(&format!("http://{shared}/")), "{other}");
        }
    });
}

#[test]
fn who_is_no_actor_takes_requests_up_to_their_room_and_responds() {
    local(async {
        let network = Network::open(&Options::new(TIMEOUT)).unwrap();
        let entrance = network.entrance(None).unwrap();
        let at = entrance.base().trim_start_matches("http://").parse().ok();
        assert!(network.entrance(at).is_err(), "it is had");
        let url = format!("{}/a/b", entrance.base());
        let mut visits = entrance.open(4).unwrap();
        let asked = Request::new("POST", url).with_body("text/plain", b"octets".to_vec());
        let (came, visit) = tokio::join!(network.fetch(asked.clone()), async {
            let visit = visits.recv().await.unwrap();
            let seen = (visit.request.url.clone(), visit.request.body.clone());
            visit.respond(Response::new(204));
            seen
        });
        assert_eq!(came.unwrap().status, 204);
        assert_eq!(visit, ("/a/b".to_owned(), b"octe".to_vec()));
        // Nobody takes them any more.
        drop(visits);
        assert_eq!(network.fetch(asked).await.unwrap().status, 503);
    });
}
