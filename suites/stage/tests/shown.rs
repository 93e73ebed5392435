//! What the tester's servers show over TLS, to another make: curl, with OpenSSL.
//!
//! Needs `curl` on the path (Debian: `apt-get install curl`); without it the test says so and proves nothing.

mod openssl;
mod party;

use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use openssl::{Authority, Openssl};
use party::{local, stage};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{LATE, Turn, What};
use twinproof_stage::{AuthorityFiles, Certificate, Network, Options, Shows};

/// Generous: a machine that is busy is no reason to fail.
const TIMEOUT: Duration = Duration::from_secs(20);

const KEY: &str = "dm.client.https";

fn files(dir: &Path) -> AuthorityFiles {
    AuthorityFiles {
        certificate: dir.join("authority.pem"),
        key: dir.join("authority.key"),
    }
}

fn shows(files: &AuthorityFiles, host: &str) -> Result<Shows, String> {
    Shows::of(KEY, files, host, Ipv4Addr::LOCALHOST.into())
}

async fn curl(arguments: &str, url: &str) -> Option<Output> {
    let ran = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*"])
        .args(arguments.split_whitespace())
        .arg(url)
        .output()
        .await;
    if ran.is_err() {
        let skipped = "SKIPPED: no curl on the path, so nothing was tried against it";
        let _ = writeln!(std::io::stderr(), "{skipped}");
    }
    ran.ok()
}

#[test]
fn curl_reaches_the_good_one_and_says_of_each_other_what_is_wrong_with_it() {
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        for host in ["127.0.0.1", "localhost"] {
            let mut options = Options::new(TIMEOUT);
            options.shows = Some(shows(&files, host).unwrap());
            let network = Network::open(&options).unwrap();
            let trusting = format!("--cacert {}", files.certificate.display());
            for (certificate, says) in [
                (Certificate::Good, None),
                (Certificate::Expired, Some("certificate has expired")),
                (
                    Certificate::NotYetValid,
                    Some("certificate is not yet valid"),
                ),
                (
                    Certificate::OfOtherAuthority,
                    Some("unable to get local issuer"),
                ),
                (
                    Certificate::OfOtherName,
                    Some("no alternative certificate subject name matches"),
                ),
                (Certificate::SelfSigned, Some("self-signed certificate")),
            ] {
                let ledger = Ledger::in_memory();
                let (mut stage, _) = stage(&network, &ledger, "x", TIMEOUT);
                let url = stage.listen_shown("caller", certificate).await;
                let url = url.unwrap().unwrap();
                assert!(url.starts_with(&format!("https://{host}:")), "{url}");
                let Some(output) = curl(&trusting, &url).await else {
                    return;
                };
                let why =
                    String::from_utf8_lossy(&output.stderr).replace("self signed", "self-signed");
                match says {
                    None => assert!(output.status.success(), "{certificate}: {why}"),
                    Some(says) => {
                        assert_eq!(output.status.code(), Some(60), "{certificate}: {why}");
                        assert!(why.contains(says), "{certificate}: {why}");
                    }
                }
                // That nothing came is the client's doing, and is seen.
                assert_eq!(party::came(&ledger).len(), usize::from(says.is_none()));
                let agreed = turns(&ledger);
                assert!(
                    matches!(agreed[0], Turn::Begun { ours: false, .. }),
                    "{agreed:?}"
                );
                // And one who looks at nothing reaches everybody: nothing else is wrong.
                let careless = curl("--insecure", &url).await.unwrap();
                assert!(careless.status.success(), "{certificate}");
                assert!(matches!(turns(&ledger).last(), Some(Turn::Agreed)));
            }
        }
    });
}

fn turns(ledger: &Ledger) -> Vec<Turn> {
    let records = ledger.read_back().unwrap().records.into_iter();
    let turns = records.filter_map(|record| match record.what {
        What::Association {
            stream: true, turn, ..
        } => Some(turn),
        _ => None,
    });
    turns.collect()
}

#[test]
fn who_agrees_to_one_and_speaks_once_another_is_shown_is_told_apart() {
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::new(TIMEOUT);
        options.shows = Some(shows(&files(dir.path()), "127.0.0.1").unwrap());
        let network = Network::open(&options).unwrap();
        let ledger = Ledger::in_memory();
        let (mut stage, _) = stage(&network, &ledger, "x", TIMEOUT);
        let url = stage.listen_shown("caller", Certificate::Expired).await;
        let url = url.unwrap().unwrap();
        // It says first how it will say the rest, which it is not asked for yet.
        let curl = Command::new("curl")
            .args([
                "--silent",
                "--insecure",
                "--noproxy",
                "*",
                "--upload-file",
                "-",
                &url,
            ])
            .stdin(Stdio::piped())
            .spawn();
        let Ok(mut curl) = curl else { return };
        let agreed = async {
            while turns(&ledger).last() != Some(&Turn::Agreed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, agreed).await.unwrap();
        let good = stage.listen_shown("caller", Certificate::Good).await;
        assert_eq!(good.unwrap().as_ref(), Some(&url));
        let mut rest = curl.stdin.take().unwrap();
        rest.write_all(b"said late").await.unwrap();
        drop(rest);
        assert!(curl.wait().await.unwrap().success());
        assert_eq!(party::came(&ledger).len(), 0);
        let last = turns(&ledger).pop();
        let Some(Turn::Ended { how, words, .. }) = last else {
            panic!("{last:?}");
        };
        assert_eq!(how, LATE);
        assert!(words.contains(&Certificate::Expired.to_string()), "{words}");
    });
}

#[test]
fn an_authority_is_made_once_and_its_key_is_for_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let made = shows(&files, "127.0.0.1").unwrap();
    assert_eq!(made.made.as_ref(), Some(&files.certificate));
    let before = fs::read(&files.certificate).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&files.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
    let again = shows(&files, "tester.example").unwrap();
    assert_eq!(again.made, None);
    assert_eq!(fs::read(&files.certificate).unwrap(), before);

    let why = shows(&files, "https://tester.example").unwrap_err();
    assert!(
        why.starts_with("dm.client.https.host: expected a name"),
        "{why}"
    );
    fs::remove_file(&files.key).unwrap();
    let why = shows(&files, "127.0.0.1").unwrap_err();
    assert!(
        why.starts_with("dm.client.https.authority_key: expected both files or neither"),
        "{why}"
    );
}

#[test]
fn an_authority_that_is_none_of_ours_is_refused() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let theirs = Authority::new(&openssl, dir.path(), "theirs");
    let certificate = theirs.file();
    let key = certificate.with_file_name("ca.key");
    let why = shows(&AuthorityFiles { certificate, key }, "127.0.0.1").unwrap_err();
    for says in [
        "dm.client.https.authority: expected an authority that Twinproof has made",
        "ca.pem",
        "take both files away",
    ] {
        assert!(why.contains(says), "{why}");
    }
}
