//! TLS towards systems and at the harness's own doors, and proxies, against another make: openssl.
//!
//! Needs `openssl` on the path (Debian: `apt-get install openssl`); without it the tests say so and
//! prove nothing. `TWINPROOF_OPENSSL` names another one; where it is set, one must be there.

mod openssl;
mod party;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openssl::{Authority, Openssl};
use party::{local, stage};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::Halt;
use twinproof_stage::{Alias, Network, Options, Place, Trust};

/// Generous: a machine that is busy is no reason to fail.
const TIMEOUT: Duration = Duration::from_secs(20);

fn options(ca_file: PathBuf) -> Options {
    Options {
        trust: Trust {
            ca_file: Some(ca_file),
            ..Trust::default()
        },
        ..Options::new(TIMEOUT)
    }
}

fn alias(base_url: &str, name: &str) -> Option<Alias> {
    Some(Alias {
        base_url: base_url.to_owned(),
        name: name.to_owned(),
    })
}

/// Asks once: the status of the answer, or in which words it is said that there was none. Such a
/// scene has reached nobody, so it passes nothing.
async fn ask(options: &Options, url: &str) -> Result<u16, String> {
    let network = Network::open(options).unwrap();
    let (mut stage, caller) = stage(&network, &Ledger::in_memory(), "x", TIMEOUT);
    match stage.act(&caller, url.to_owned()).await {
        Ok(acted) => acted
            .answer
            .map(|response| response.status)
            .map_err(|fault| fault.to_string()),
        Err(_) => {
            assert!(stage.recorder().reached_nobody());
            match stage.halted() {
                Some(Halt::Transport { why }) => Err(why.clone()),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn who_is_trusted_is_heard_and_who_is_not_is_told_why() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let ours = Authority::new(&openssl, dir.path(), "ours");
        let theirs = Authority::new(&openssl, dir.path(), "theirs");
        let good = ours.issue("good", "IP:127.0.0.1");
        let server = openssl.server(&format!("-www {good}")).await;
        assert_eq!(ask(&options(ours.file()), &server.url()).await, Ok(200));

        let why = ask(&options(theirs.file()), &server.url()).await;
        let why = why.unwrap_err();
        for says in [
            "signed",
            "got one of another issuer",
            "name the system's authority in tls.ca_file",
        ] {
            assert!(why.contains(says), "{why}");
        }
        // Without a file it is whom this machine trusts, which does not know ours.
        let why = ask(&Options::new(TIMEOUT), &server.url()).await;
        assert!(why.as_ref().is_err_and(|w| w.contains("TLS: ")), "{why:?}");

        let wrong = ours.issue("wrong", "DNS:other.test");
        let server = openssl.server(&format!("-www {wrong}")).await;
        let why = ask(&options(ours.file()), &server.url()).await.unwrap_err();
        for says in [
            "expected a certificate for 127.0.0.1",
            "got one for DnsName(\"other.test\")",
            "tls.server_name",
        ] {
            assert!(why.contains(says), "{why}");
        }

        let old = ours.issue_expired("old", "IP:127.0.0.1");
        let server = openssl.server(&format!("-www {old}")).await;
        let why = ask(&options(ours.file()), &server.url()).await.unwrap_err();
        assert!(
            why.contains("valid now, got one that has expired") && why.contains("renew"),
            "{why}"
        );
    });
}

#[test]
fn a_client_certificate_is_presented_where_one_is_named() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let ours = Authority::new(&openssl, dir.path(), "ours");
        let theirs = Authority::new(&openssl, dir.path(), "theirs");
        let good = ours.issue("good", "IP:127.0.0.1");
        let trusted = ours.file();
        let demands = format!(
            "-www -Verify 2 -verify_return_error -CAfile {} {good}",
            trusted.display()
        );
        for version in ["-tls1_3", "-tls1_2"] {
            let server = openssl.server(&format!("{version} {demands}")).await;
            let with = |key_pair: &openssl::KeyPair| {
                let mut options = options(ours.file());
                options.trust.client_certificate = Some(key_pair.certificate.clone());
                options.trust.client_key = Some(key_pair.key.clone());
                options
            };
            let known = ours.issue("known", "DNS:client.test");
            assert_eq!(ask(&with(&known), &server.url()).await, Ok(200));

            let none = ask(&options(ours.file()), &server.url()).await.unwrap_err();
            assert!(none.contains("expects a client certificate"), "{none}");
            assert!(none.contains("tls.client_certificate"), "{none}");

            let stranger = theirs.issue("stranger", "DNS:client.test");
            let other = ask(&with(&stranger), &server.url()).await.unwrap_err();
            assert!(other.contains("another client certificate"), "{other}");
        }
    });
}

#[test]
fn the_name_of_the_profile_is_asked_for_and_checked_and_the_host_stays() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let ours = Authority::new(&openssl, dir.path(), "ours");
        let other = ours.issue("other", "DNS:other.test");
        let named = ours.issue("named", "DNS:enabler.test");
        // Only who asks for this name is shown its certificate.
        let (certificate, key) = (named.certificate.display(), named.key.display());
        let by_name = format!("-servername enabler.test -cert2 {certificate} -key2 {key}");
        let server = openssl.server(&format!("-www {by_name} {other}")).await;
        let mut options = options(ours.file());
        assert!(ask(&options, &server.url()).await.is_err());
        options.alias = alias(&server.url(), "Enabler.test");
        assert_eq!(ask(&options, &server.url()).await, Ok(200));
        options.alias = alias(&server.url(), "nobody.test");
        let why = ask(&options, &server.url()).await.unwrap_err();
        assert!(why.contains("a certificate for nobody.test"), "{why}");
        // What is at another host goes by its own name.
        options.alias = alias("https://192.0.2.1", "enabler.test");
        let why = ask(&options, &server.url()).await.unwrap_err();
        assert!(why.contains("a certificate for 127.0.0.1"), "{why}");

        let mut server = openssl.server(&named.to_string()).await;
        options.alias = alias(&server.url(), "enabler.test");
        let authority = server.url().replace("https://", "");
        let url = format!("{}/path?q=1", server.url());
        let (asked, head) = tokio::join!(ask(&options, &url), server.serve_by_hand("200 OK"));
        assert_eq!(asked, Ok(200));
        let head = head.to_lowercase();
        assert!(head.starts_with("get /path?q=1 "), "{head}");
        assert!(
            head.contains(&format!("\r\nhost: {authority}\r\n")),
            "{head}"
        );
        assert_eq!(head.matches("\r\nhost:").count(), 1, "{head}");
    });
}

#[test]
fn a_name_that_is_none_is_refused() {
    for name in ["127.0.0.1", "::1", "two words", ""] {
        let mut options = Options::new(TIMEOUT);
        options.alias = alias("https://127.0.0.1:1", name);
        let why = Network::open(&options).unwrap_err();
        assert!(
            why.contains("tls.server_name: expected a host name"),
            "{why}"
        );
    }
}

#[test]
fn what_is_no_certificate_is_named_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "nothing\n").unwrap();
    let missing = dir.path().join("missing.pem");
    for path in [empty, missing] {
        let why = Network::open(&options(path.clone())).unwrap_err();
        assert!(why.starts_with("tls.ca_file: "), "{why}");
        assert!(why.contains(&path.display().to_string()), "{why}");
        let mut doors = Options::new(TIMEOUT);
        doors.certificate = Some((path.clone(), path));
        let why = Network::open(&doors).unwrap_err();
        assert!(why.starts_with("harness.certificate: "), "{why}");
    }
}

#[test]
fn a_plain_server_behind_an_https_url_is_told_apart() {
    local(async {
        let plain = party::server(async |stream: &mut TcpStream| {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        })
        .await;
        let url = plain.replace("http://", "https://");
        let why = ask(&Options::new(TIMEOUT), &url).await.unwrap_err();
        assert!(why.contains("does the system speak plain http://"), "{why}");
    });
}

#[test]
fn callers_reach_the_harness_over_tls_of_its_own() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let ours = Authority::new(&openssl, dir.path(), "ours");
        let theirs = Authority::new(&openssl, dir.path(), "theirs");
        let good = ours.issue("harness", "IP:127.0.0.1");
        for fixed in [true, false] {
            let mut options = Options::new(TIMEOUT);
            options.certificate = Some((good.certificate.clone(), good.key.clone()));
            options.callbacks = fixed.then(|| Place {
                listen: "127.0.0.1:0".to_owned(),
                advertise: None,
            });
            let network = Network::open(&options).unwrap();
            let ledger = Ledger::in_memory();
            let (mut stage, caller) = stage(&network, &ledger, "x", TIMEOUT);
            let base = stage.listen("caller").await.unwrap();
            let rest = base.strip_prefix("https://").expect(&base);
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let path = format!("/{path}/news").replace("//", "/");
            let answer = openssl.post(authority, &path, &ours.file()).await;
            assert!(answer.contains("HTTP/1.1 204"), "{answer}");
            assert!(
                stage
                    .wait_for(&caller, "the call", TIMEOUT, |c| !c.came.is_empty())
                    .await
            );
            // Who does not trust us says so and delivers nothing.
            let refused = openssl.post(authority, &path, &theirs.file()).await;
            assert!(!refused.contains("HTTP/1.1"), "{refused}");
            assert_eq!(party::came(&ledger).len(), 1);
        }
    });
}

/// A proxy that takes both forms, absolute URLs and tunnels, and says what it was asked.
async fn proxy() -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    drop(tokio::task::spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            drop(tokio::task::spawn_local(pass_on(stream, Arc::clone(&told))));
        }
    }));
    (base, asked)
}

async fn pass_on(stream: TcpStream, told: Arc<std::sync::Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let line = head.lines().next().unwrap_or_default().to_owned();
    told.lock().unwrap().push(line.clone());
    let target = line.split(' ').nth(1).unwrap_or_default();
    let authority = target.trim_start_matches("http://");
    let authority = authority.split('/').next().unwrap_or_default().to_owned();
    let Ok(mut onward) = TcpStream::connect(&authority).await else {
        let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
        return;
    };
    if line.starts_with("CONNECT ") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    } else {
        let _ = onward.write_all(head.as_bytes()).await;
    }
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
}

#[test]
fn a_proxy_that_is_named_passes_everything_on() {
    local(async {
        let (base, asked) = proxy().await;
        let mut options = Options::new(TIMEOUT);
        options.proxy = Some(base.replace("http://", "http://tester:geheim@"));
        let plain = party::server(async |_: &mut TcpStream| {}).await;
        let url = format!("{plain}/path");
        assert_eq!(ask(&options, &url).await, Ok(204));
        assert_eq!(
            asked.lock().unwrap().clone(),
            [format!("GET {url} HTTP/1.1")]
        );

        let Some(openssl) = Openssl::there() else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let ours = Authority::new(&openssl, dir.path(), "ours");
        let good = ours.issue("good", "IP:127.0.0.1");
        let server = openssl.server(&format!("-www {good}")).await;
        options.trust.ca_file = Some(ours.file());
        asked.lock().unwrap().clear();
        assert_eq!(ask(&options, &server.url()).await, Ok(200));
        let authority = server.url().replace("https://", "");
        let tunnel = format!("CONNECT {authority} HTTP/1.1");
        assert_eq!(asked.lock().unwrap().clone(), [tunnel]);
    });
}

#[test]
fn a_proxy_that_is_not_there_is_named_without_its_credentials() {
    local(async {
        let plain = party::server(async |_: &mut TcpStream| {}).await;
        let mut options = Options::new(TIMEOUT);
        options.proxy = Some("http://tester:geheim@127.0.0.1:9".to_owned());
        let why = ask(&options, &plain).await.unwrap_err();
        assert!(
            why.contains("through the proxy http://127.0.0.1:9/ (network.proxy)"),
            "{why}"
        );
        assert!(!why.contains("geheim"), "{why}");
        let mut options = Options::new(TIMEOUT);
        options.proxy = Some("http://:geheim".to_owned());
        let why = Network::open(&options).unwrap_err();
        assert!(why.starts_with("network.proxy: expected a URL"), "{why}");
        assert!(!why.contains("geheim"), "{why}");
    });
}
