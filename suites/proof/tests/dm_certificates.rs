//! A client of another make, which is led to servers that it cannot verify: a line of shell with curl.
//!
//! Needs `curl` on the path (Debian: `apt-get install curl`); without it the test says so and proves nothing.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, network, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::Declared;
use twinproof_judge::{FEATURES, judge};
use twinproof_stage::Kind;

/// What the client begins a session with.
const FIRST: &str = "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
    <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>http://tester.example/dm</LocURI></Target>\
    <Source><LocURI>IMEI:493005100592800</LocURI></Source></SyncHdr><SyncBody><Alert><CmdID>1</CmdID>\
    <Data>1201</Data></Alert><Final/></SyncBody></SyncML>";

/// A client that fetches a bootstrap, finds the address of a server in it, and begins a session there at once.
fn profile(dir: &Path, looks: &str) -> Declared {
    let authority = dir.join("authority.pem");
    let looks = looks.replace("{authority}", &authority.display().to_string());
    let text = format!(
        r#"
[sut]
name = "curl"
version = "1"
role = "dm-client"

[pace]
settle = "100ms"

[dm.claims]
"DM-ADM-002" = true

[dm.client]
patience = "300ms"

[dm.client.account]
device = "IMEI:493005100592800"
server_id = "com.example.manage"
name = "device"

[dm.client.bootstrap]
network_id = "262019876543221"
fetch = """curl -s --noproxy '*' {looks} {{url}} | grep -ao 'http://[0-9.:]*/dm' | head -n 1 \
  | xargs -r curl -s --noproxy '*' -H 'Content-Type: application/vnd.syncml.dm+xml' -d '{FIRST}'; true"""

[dm.client.https]
authority = "{}"
authority_key = "{}"
"#,
        authority.display(),
        dir.join("authority.key").display()
    );
    Declared::parse(&text).unwrap()
}

fn judged(declared: Declared) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let kind = Kind::Live(network(&declared.profile).unwrap());
    let target = Target::External(Arc::new(declared));
    let mut run = Run::new(target, kind, Arc::new(suite), ledger.clone());
    run.selected
        .retain(|id| id.starts_with("dm/certificates/fetch-"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(perform(&run));
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    judge(&ledger.read_back().unwrap(), &catalogue, tool).unwrap()
}

#[test]
fn curl_passes_where_it_looks_and_fails_where_it_does_not() {
    if Command::new("curl").arg("--version").output().is_err() {
        let skipped = "SKIPPED: no curl on the path, so nothing was tried with it";
        let _ = writeln!(std::io::stderr(), "{skipped}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (looks, verdict) in [
        ("--cacert {authority}", Verdict::Pass),
        ("--insecure", Verdict::Fail),
        // Who trusts nobody says nothing to anybody, and that is no pass.
        ("--cacert /dev/null", Verdict::Inconclusive),
        // Who never comes has seen no certificate.
        ("--version", Verdict::Inconclusive),
    ] {
        let report = judged(profile(dir.path(), looks));
        assert_eq!(report.scenarios.len(), 3);
        for scenario in &report.scenarios {
            let (id, reason) = (&scenario.id, &scenario.reason);
            assert_eq!(scenario.verdict, verdict, "{looks}, {id}: {reason}");
        }
    }
}
