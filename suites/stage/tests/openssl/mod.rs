//! The command `openssl`: certificates that are made when a test runs, servers and callers.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout};

#[derive(Clone)]
pub struct Openssl {
    program: PathBuf,
}

impl Openssl {
    /// The command; none, with a message, where it is not installed.
    pub fn there() -> Option<Self> {
        let named = std::env::var_os("TWINPROOF_OPENSSL").map(PathBuf::from);
        let program = named.clone().unwrap_or_else(|| "openssl".into());
        let there = Command::new(&program)
            .arg("version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if there {
            return Some(Self { program });
        }
        assert!(
            named.is_none(),
            "TWINPROOF_OPENSSL names no openssl: {program:?}"
        );
        let test = std::thread::current();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no openssl on the path, so nothing was tried against it: {}",
            test.name().unwrap_or_default()
        );
        None
    }

    fn run(&self, arguments: &str) {
        let output = Command::new(&self.program)
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A TLS server at a free loopback port, with these further arguments.
    pub async fn server(&self, arguments: &str) -> Server {
        let mut child = tokio::process::Command::new(&self.program)
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert_ne!(said.read_line(&mut line).await.unwrap(), 0, "{arguments}");
            if let Some(address) = line.trim().strip_prefix("ACCEPT ") {
                break address.rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        Server { child, said, port }
    }

    /// Posts two octets to an address of ours and returns all that was answered.
    pub async fn post(&self, authority: &str, path: &str, ca_file: &Path) -> String {
        let mut child = tokio::process::Command::new(&self.program)
            .args(["s_client", "-quiet", "-verify_return_error", "-connect"])
            .arg(authority)
            .args(["-verify_ip", "127.0.0.1", "-CAfile"])
            .arg(ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
        );
        // Who does not trust the other side takes nothing to send to it.
        let _ = stdin.write_all(request.as_bytes()).await;
        let output = child.wait_with_output().await.unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

pub struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Shows the head of the next request and answers it with this status. Not for servers that answer
    /// by themselves.
    pub async fn serve_by_hand(&mut self, status: &str) -> String {
        let (mut head, mut line) = (String::new(), String::new());
        while !head.ends_with("\r\n\r\n") {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).await.unwrap(), 0, "{head}");
            // What it says of the session comes first.
            if !head.is_empty() || line.contains(" HTTP/1.1") {
                head.push_str(&line);
            }
        }
        let stdin = self.child.stdin.as_mut().unwrap();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stdin.write_all(answer.as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
        head
    }
}

/// Who signs certificates.
pub struct Authority {
    openssl: Openssl,
    dir: PathBuf,
}

/// A certificate and its key. As text it is the arguments that give both to a server.
pub struct KeyPair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl fmt::Display for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        write!(f, "-cert {certificate} -key {key}")
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

impl Authority {
    /// A new one, with its files in a folder of this name.
    pub fn new(openssl: &Openssl, dir: &Path, name: &str) -> Self {
        let dir = dir.join(name);
        fs::create_dir(&dir).unwrap();
        let at = dir.display();
        openssl.run(&format!(
            "req -x509 {NEW_KEY} -days 30 -subj /CN={name} -keyout {at}/ca.key -out {at}/ca.pem"
        ));
        fs::write(dir.join("index.txt"), "").unwrap();
        let config = format!(
            "[ca]\ndefault_ca=d\n[d]\ndatabase={at}/index.txt\nnew_certs_dir={at}\n\
             default_md=sha256\npolicy=p\nrand_serial=yes\nunique_subject=no\n\
             copy_extensions=copy\n\
             [p]\ncommonName=supplied\n"
        );
        fs::write(dir.join("ca.cnf"), config).unwrap();
        let openssl = openssl.clone();
        Self { openssl, dir }
    }

    /// Its own certificate: whom those trust who trust it.
    pub fn file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A certificate for an address or a name, in the words of openssl.
    pub fn issue(&self, file: &str, whose: &str) -> KeyPair {
        self.sign(file, whose, "-days 30")
    }

    /// The same, years ago.
    pub fn issue_expired(&self, file: &str, whose: &str) -> KeyPair {
        let then = "-startdate 20200101000000Z -enddate 20200201000000Z";
        self.sign(file, whose, then)
    }

    fn sign(&self, file: &str, whose: &str, when: &str) -> KeyPair {
        let at = self.dir.display();
        self.openssl.run(&format!(
            "req {NEW_KEY} -subj /CN={file} -addext subjectAltName={whose} \
             -keyout {at}/{file}.key -out {at}/{file}.csr"
        ));
        self.openssl.run(&format!(
            "ca -batch -notext -config {at}/ca.cnf -cert {at}/ca.pem -keyfile {at}/ca.key {when} \
             -in {at}/{file}.csr -out {at}/{file}.pem"
        ));
        KeyPair {
            certificate: self.dir.join(format!("{file}.pem")),
            key: self.dir.join(format!("{file}.key")),
        }
    }
}
