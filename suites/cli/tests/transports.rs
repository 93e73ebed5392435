//! How a profile says that its system is reached: TLS, certificates, names, proxies.

mod common;
#[path = "../../stage/tests/openssl/mod.rs"]
mod openssl;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{own_features, report};
use openssl::{Authority, Openssl};

fn profile(dir: &Path, base_url: &str, more: &str) {
    let subscribers: String = (0..3)
        .map(|n| format!("[[twinning.subscriber]]\naddress = \"tel:+1202555010{n}\"\ntoken = \"secret-{n}\"\n"))
        .collect();
    let text = format!(
        "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n{more}\n[twinning]\nbase_url = \"{base_url}\"\n{subscribers}"
    );
    fs::write(dir.join("sut.toml"), text).unwrap();
}

/// Runs one scenario against what the profile says.
fn run(dir: &Path, environment: &[(&str, &str)]) -> Output {
    let features = own_features();
    common::command(dir, &["run", "--features", &features, "--sut", "sut.toml"])
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// What came instead of a successful answer, and that it made no verdict.
fn no_contact(dir: &Path, output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let judged = report(&dir.join("twinproof-report"));
    assert_eq!(judged["summary"]["requirements"]["pass"], 0);
    judged["summary"]["no_contact"].as_str().unwrap().to_owned()
}

/// A server that answers everything with 404 and counts: its authority and the count.
fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let counted = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&counted);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counting.fetch_add(1, Ordering::SeqCst);
            // Requests of this test fit into one read; what does not is no matter for a 404.
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    (authority, counted)
}

#[test]
fn only_a_proxy_that_the_profile_names_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let (system, asked) = counting();
    let (proxy, passed) = counting();
    let proxy = format!("http://{proxy}");
    let named = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let environment: Vec<_> = named.iter().map(|name| (*name, proxy.as_str())).collect();
    profile(dir.path(), &format!("http://{system}"), "");
    no_contact(dir.path(), &run(dir.path(), &environment));
    assert!(
        asked.swap(0, Ordering::SeqCst) > 0,
        "the system was not asked"
    );
    assert_eq!(
        passed.load(Ordering::SeqCst),
        0,
        "the environment's proxy was asked"
    );

    let section = format!("[network]\nproxy = \"{proxy}\"");
    profile(dir.path(), &format!("http://{system}"), &section);
    let around = [("NO_PROXY", "127.0.0.1,localhost"), ("no_proxy", "*")];
    no_contact(dir.path(), &run(dir.path(), &around));
    assert!(passed.load(Ordering::SeqCst) > 0, "the proxy was not asked");
    assert_eq!(
        asked.load(Ordering::SeqCst),
        0,
        "the system was asked past the proxy"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_tls_do_what_they_say() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let ours = Authority::new(&openssl, dir.path(), "ours");
    let other = ours.issue("other", "DNS:other.test");
    let named = ours.issue("named", "DNS:enabler.test");
    let client = ours.issue("client", "DNS:client.test");
    let (certificate, key) = (named.certificate.display(), named.key.display());
    // Heard is who asks for the right name with a certificate of ours.
    let mut server = openssl
        .server(&format!(
            "-Verify 2 -verify_return_error -CAfile {} {other} -servername enabler.test \
             -cert2 {certificate} -key2 {key}",
            ours.file().display()
        ))
        .await;
    let lines = [
        "ca_file = \"ours/ca.pem\"",
        "client_certificate = \"ours/client.pem\"\nclient_key = \"ours/client.key\"",
        "server_name = \"enabler.test\"",
    ];
    assert!(client.key.ends_with("ours/client.key"));
    let write = |lines: &[&str]| {
        let section = format!("[tls]\n{}", lines.join("\n"));
        profile(dir.path(), &server.url(), &section);
    };
    for (lines, says) in [
        (&lines[..2], "expected a certificate for 127.0.0.1"),
        (&[lines[0], lines[2]], "expects a client certificate"),
        (&lines[2..], "TLS: "),
    ] {
        write(lines);
        let instead = no_contact(dir.path(), &run(dir.path(), &[]));
        assert!(
            instead.contains("TLS: ") && instead.contains(says),
            "{instead}"
        );
        assert!(!instead.contains("Is the system running"), "{instead}");
    }
    write(&lines);
    let at = dir.path().to_owned();
    let ran = tokio::task::spawn_blocking(move || run(&at, &[]));
    let (ran, head) = tokio::join!(ran, server.serve_by_hand("404 Not Found"));
    assert!(head.starts_with("POST /twinning/"), "{head}");
    let instead = no_contact(dir.path(), &ran.unwrap());
    assert!(instead.contains("came back with 404"), "{instead}");
}

#[test]
fn names_that_cannot_be_asked_for_are_refused_with_the_spot() {
    let dir = tempfile::tempdir().unwrap();
    let tls = |name: &str| format!("[tls]\nserver_name = \"{name}\"\n");
    let proxy = "[network]\nproxy = \"http://127.0.0.1:3128\"\n";
    for (base, more, says) in [
        (
            "https://127.0.0.1:1",
            tls("192.0.2.1"),
            "TLS names no addresses",
        ),
        (
            "https://127.0.0.1:1",
            tls("[2001:db8::1]"),
            "TLS names no addresses",
        ),
        (
            "https://127.0.0.1:1",
            tls("a.test") + proxy,
            "expected no network.proxy",
        ),
        (
            "http://127.0.0.1:1",
            tls("a.test"),
            "expected an https:// URL",
        ),
    ] {
        profile(dir.path(), base, &more);
        for command in ["check", "run"] {
            let ran = common::twinproof(dir.path(), &[command, "--sut", "sut.toml"]);
            assert_eq!(ran.code, Some(2), "{}", ran.stderr);
            // The message is set in lines of its own.
            let told = ran.stderr.replace(['\n', '│', '×'], " ");
            let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(told.contains("sut.toml:5:15: tls.server_name: "), "{told}");
            assert!(told.contains(says), "{told}");
        }
    }
}
