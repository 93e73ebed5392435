//! Green must mean contact: whatever answers, but is no enabler, passes nothing, ends the run in
//! bounded time and memory, and leaves reports.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::{report, twinproof};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// What the issue allows a whole run with a dead or hostile system.
const AT_MOST: Duration = Duration::from_secs(60);
const MEMORY_KIB: u64 = 256 * 1024;

fn passes_nothing(what: &str, base_url: &str) {
    let dir = tempfile::tempdir().unwrap();
    let subscribers: String = (0..8)
        .map(|n| format!("[[twinning.subscriber]]\naddress = \"tel:+120255501{n:02}\"\ntoken = \"secret-{n:04}\"\n"))
        .collect();
    let profile = format!(
        "[sut]\nname = \"{what}\"\nrole = \"twinning-enabler\"\n[twinning]\nbase_url = \"{base_url}\"\n{subscribers}"
    );
    fs::write(dir.path().join("sut.toml"), profile).unwrap();
    let ran = twinproof(dir.path(), &["run", "--sut", "sut.toml"]);
    let reports = dir.path().join("twinproof-report");
    assert!(
        matches!(ran.code, Some(1 | 3)),
        "{what}: {:?}\n{}\n{}",
        ran.code,
        ran.stdout,
        ran.stderr
    );
    for file in [
        "report.json",
        "junit.xml",
        "report.html",
        "report.md",
        "events.jsonl",
    ] {
        assert!(reports.join(file).is_file(), "{what}: {file}");
    }
    let report = report(&reports);
    assert!(
        report["summary"]["scenarios"]["total"].as_u64() > Some(50),
        "{what}"
    );
    let requirements = &report["summary"]["requirements"];
    let green: Vec<_> = report["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|scenario| scenario["verdict"] == "pass")
        .map(|scenario| scenario["id"].clone())
        .collect();
    assert_eq!(requirements["pass"], 0, "{what}: {requirements}\n{green:?}");
    assert_eq!(green.len(), 0, "{what}: {green:?}");
    assert!(ran.took < AT_MOST, "{what}: {:?}", ran.took);
    assert!(ran.peak_kib < MEMORY_KIB, "{what}: {} KiB", ran.peak_kib);
    assert!(ran.peak_kib > 0 || !cfg!(target_os = "linux"), "{what}");
}

/// A server of raw octets: each connection is handed to `serve` once its request was read.
fn raw(serve: impl Fn(&mut TcpStream) -> std::io::Result<()> + Copy + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                read_request(&mut stream)?;
                serve(&mut stream)
            });
        }
    });
    base
}

fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut octet)? == 0 {
            return Ok(());
        }
        head.push(octet[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| {
        line.strip_prefix("content-length:")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    std::io::copy(&mut stream.take(length.unwrap_or(0)), &mut std::io::sink())?;
    Ok(())
}

fn whole(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}

async fn answering(respond: impl wiremock::Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(respond)
        .mount(&server)
        .await;
    server
}

#[test]
fn a_closed_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    passes_nothing("closed port", &base);
}

#[test]
fn one_that_accepts_and_never_answers() {
    let base = raw(|_| {
        std::thread::sleep(AT_MOST);
        Ok(())
    });
    passes_nothing("silent", &base);
}

#[test]
fn one_that_echoes_octets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut from = stream.try_clone()?;
                std::io::copy(&mut from, &mut &stream)
            });
        }
    });
    passes_nothing("octet echo", &base);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_echoes_bodies() {
    let echo = |request: &Request| {
        let kind = request.headers.get("content-type");
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("application/json");
        ResponseTemplate::new(200).set_body_raw(request.body.clone(), kind)
    };
    let server = answering(echo).await;
    passes_nothing("body echo", &server.uri());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_echoes_bodies_as_created() {
    let echo = |request: &Request| {
        let kind = request.headers.get("content-type");
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("application/json");
        let status = if request.method.as_str() == "POST" {
            201
        } else {
            200
        };
        ResponseTemplate::new(status)
            .insert_header("Location", format!("{}/1", request.url))
            .set_body_raw(request.body.clone(), kind)
    };
    let server = answering(echo).await;
    passes_nothing("created echo", &server.uri());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_refuses_everything() {
    let server = answering(ResponseTemplate::new(400)).await;
    passes_nothing("always 400", &server.uri());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_refuses_everything_in_the_words_of_the_standard() {
    let error = serde_json::json!({ "requestError": { "serviceException": {
        "messageId": "SVC0002", "text": "Invalid input value for message part %1", "variables": ["code"],
    }}});
    let server = answering(ResponseTemplate::new(400).set_body_json(error)).await;
    passes_nothing("always requestError", &server.uri());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_yes_to_everything() {
    let yes = ResponseTemplate::new(200).set_body_raw("{}", "application/json");
    let server = answering(yes).await;
    passes_nothing("always {}", &server.uri());
}

#[test]
fn one_that_sends_random_octets() {
    let base = raw(|stream| {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..4096 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            stream.write_all(&state.to_le_bytes())?;
        }
        Ok(())
    });
    passes_nothing("random octets", &base);
}

#[test]
fn a_body_of_a_gigabyte() {
    let base = raw(|stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n"
        )?;
        let chunk = vec![b' '; 1 << 20];
        for _ in 0..954 {
            stream.write_all(&chunk)?;
        }
        Ok(())
    });
    passes_nothing("gigabyte", &base);
}

#[test]
fn a_slow_drip() {
    let base = raw(|stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        )?;
        for _ in 0..100_000 {
            stream.write_all(b" ")?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    });
    passes_nothing("slow drip", &base);
}

#[test]
fn truncated_json() {
    let base = raw(|stream| {
        whole(
            stream,
            "201 Created\r\nContent-Type: application/json",
            b"{\"twinning\":{\"role\":\"Secon",
        )
    });
    passes_nothing("truncated JSON", &base);
}

#[test]
fn an_entity_expansion() {
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE t [<!ENTITY a0 \"ha\">");
    for n in 1..30 {
        bomb.push_str(&format!("<!ENTITY a{n} \"&a{0};&a{0};\">", n - 1));
    }
    bomb.push_str("]><twinning><activationCode><code>&a29;</code></activationCode></twinning>");
    let bomb: &'static str = bomb.leak();
    let base = raw(move |stream| {
        whole(
            stream,
            "201 Created\r\nContent-Type: application/xml",
            bomb.as_bytes(),
        )
    });
    passes_nothing("entity expansion", &base);
}

#[test]
fn invalid_utf_8() {
    let base = raw(|stream| {
        whole(
            stream,
            "201 Created\r\nContent-Type: application/json",
            b"{\"twinning\":{\"role\":\"\xff\xfe\",\"activationCode\":{\"code\":\"\xc3\x28\"}}}",
        )
    });
    passes_nothing("invalid UTF-8", &base);
}

#[test]
fn a_redirect_loop() {
    let base = raw(|stream| whole(stream, "302 Found\r\nLocation: /again", b""));
    passes_nothing("redirect loop", &base);
}

#[test]
fn a_body_shorter_than_announced() {
    let base = raw(|stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{}}"
        )
    });
    passes_nothing("wrong length", &base);
}
