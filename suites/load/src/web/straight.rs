//! HTTP/1.1 in the clear, over connections that stay: what members of a fleet say, with as little between them and the socket as
//! can be, since what it costs to say it is taken from how many there can be.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use twinproof_kernel::http::{BODY_LIMIT, Fault, Request, Response};

/// How long an idle connection is kept: shorter than servers commonly do.
const IDLE: Duration = Duration::from_secs(1);

/// How many header fields a response may have, and how long its head may be, in octets.
const FIELDS: usize = 100;
const HEAD: usize = 64 * 1024;

/// How much is read at a time, in octets.
const ROOM: usize = 8 * 1024;

/// Connections to systems, by their authorities.
#[derive(Debug)]
pub(super) struct Straight {
    /// How long one exchange may take.
    timeout: Duration,
    idle: RefCell<HashMap<String, Vec<Connection>>>,
    /// Room for what is said, which was used before.
    spare: RefCell<Vec<Vec<u8>>>,
}

/// A connection while nobody uses it.
#[derive(Debug)]
struct Connection {
    line: Line,
    since: Instant,
    /// Rings when the first of its exchanges would have taken too long; it is put off only then, since hardly any does.
    alarm: Pin<Box<Sleep>>,
}

#[derive(Debug)]
struct Line {
    stream: TcpStream,
    /// What was read, and is of no response yet.
    buffer: Vec<u8>,
}

/// How the end of a body is told (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Framing {
    Chunked,
    Length(u64),
    /// By the end of the connection.
    UntilClose,
}

/// Where a URL leads, if this is somebody who can go there.
pub(super) fn place(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    // What would have to be written otherwise before it is sent is left to who does that.
    let is_sent_as_is = all(target, OF_TARGET) && !target.contains("/.");
    let has_path = target.is_empty() || target.starts_with('/');
    let is_host = !authority.is_empty() && all(authority, OF_AUTHORITY);
    (is_sent_as_is && has_path && is_host).then_some((authority, target))
}

fn all(text: &str, what: u8) -> bool {
    text.bytes().all(|octet| IS[usize::from(octet)] & what != 0)
}

/// What an octet may stand in: a target or an authority that is sent as it is, the name of a field, or its value.
const OF_TARGET: u8 = 1;
const OF_AUTHORITY: u8 = 2;
const OF_NAME: u8 = 4;
const OF_VALUE: u8 = 8;

/// In which of those each octet may stand.
const IS: [u8; 256] = {
    let mut is = [0; 256];
    let mut octet = 0_u8;
    loop {
        let is_other = matches!(
            octet,
            b'"' | b'#' | b'\'' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        );
        let mut what = 0;
        if octet.is_ascii_graphic() && !is_other {
            what |= OF_TARGET;
            if octet != b'@' && !octet.is_ascii_uppercase() {
                what |= OF_AUTHORITY;
            }
        }
        // RFC 9110 §5.6.2.
        let is_of_token = matches!(
            octet,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        if is_of_token || octet.is_ascii_alphanumeric() {
            what |= OF_NAME;
        }
        if octet >= b' ' && octet != 0x7f || octet == b'\t' {
            what |= OF_VALUE;
        }
        is[octet as usize] = what;
        if octet == u8::MAX {
            break is;
        }
        octet += 1;
    }
};

impl Straight {
    /// An exchange may take so long.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            idle: RefCell::default(),
            spare: RefCell::default(),
        }
    }

    /// Sends a request to where it goes, and waits for its response.
    pub(super) async fn fetch(
        &self,
        (authority, target): (&str, &str),
        request: &Request,
    ) -> Result<Response, Fault> {
        let began = Instant::now();
        let mut said = self.spare.borrow_mut().pop().unwrap_or_default();
        said.clear();
        write(&mut said, (authority, target), request)?;
        let mut connection = match self.take(authority, began) {
            Some(connection) => connection,
            None => {
                let opened = tokio::time::timeout(self.timeout, Line::open(authority)).await;
                Connection {
                    line: opened.map_err(|_| Fault::TimedOut)??,
                    since: began,
                    alarm: Box::pin(tokio::time::sleep_until((began + self.timeout).into())),
                }
            }
        };
        let Connection { line, alarm, .. } = &mut connection;
        let exchange = line.exchange(&said, request.method == "HEAD");
        let (response, stays) = within(alarm, began + self.timeout, exchange).await?;
        self.spare.borrow_mut().push(said);
        if stays {
            connection.since = Instant::now();
            let mut idle = self.idle.borrow_mut();
            match idle.get_mut(authority) {
                Some(idle) => idle.push(connection),
                None => drop(idle.insert(authority.to_owned(), vec![connection])),
            }
        }
        Ok(response)
    }

    /// A connection that is there and nobody uses: the one that was used last.
    fn take(&self, authority: &str, now: Instant) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let idle = idle.get_mut(authority)?;
        while let Some(connection) = idle.pop() {
            if now.saturating_duration_since(connection.since) >= IDLE {
                // Those below it have been idle for longer.
                idle.clear();
                return None;
            }
            // Whoever has something to say now, or nothing more, will not answer what it is asked.
            let heard = connection.line.stream.try_read(&mut [0]);
            if heard.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
                return Some(connection);
            }
        }
        None
    }
}

/// What comes of an exchange until then.
async fn within<T>(
    alarm: &mut Pin<Box<Sleep>>,
    until: Instant,
    exchange: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut exchange = pin!(exchange);
    poll_fn(|context| {
        if let Poll::Ready(done) = exchange.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        while alarm.as_mut().poll(context).is_ready() {
            if Instant::now() >= until {
                return Poll::Ready(Err(Fault::TimedOut));
            }
            alarm.as_mut().reset(until.into());
        }
        Poll::Pending
    })
    .await
}

/// Writes a request as it goes over the wire.
pub(super) fn write(
    said: &mut Vec<u8>,
    (authority, target): (&str, &str),
    request: &Request,
) -> Result<(), Fault> {
    let is_token = |text: &str| !text.is_empty() && all(text, OF_NAME);
    let is_value = |text: &str| all(text, OF_VALUE);
    let unfit = |what: &str| Err(Fault::NotSent(format!("{what:?} cannot be sent as HTTP")));
    if !is_token(&request.method) {
        return unfit(&request.method);
    }
    let mut add = |parts: &[&str]| {
        for part in parts {
            said.extend_from_slice(part.as_bytes());
        }
    };
    let slash = if target.starts_with('/') { "" } else { "/" };
    add(&[&request.method, " ", slash, target, " HTTP/1.1\r\n"]);
    let is_said = |name: &str| request.headers.first(name).is_some();
    for (name, value) in [("host", authority), ("accept", "*/*")] {
        if !is_said(name) {
            add(&[name, ": ", value, "\r\n"]);
        }
    }
    for (name, value) in request.headers.iter() {
        if !is_token(name) || !is_value(value) {
            return unfit(name);
        }
        add(&[name, ": ", value, "\r\n"]);
    }
    let announces =
        !request.body.is_empty() || ["PATCH", "POST", "PUT"].contains(&&*request.method);
    if announces && !is_said("content-length") && !is_said("transfer-encoding") {
        add(&["content-length: ", &request.body.len().to_string(), "\r\n"]);
    }
    add(&["\r\n"]);
    said.extend_from_slice(&request.body);
    Ok(())
}

impl Line {
    async fn open(authority: &str) -> Result<Self, Fault> {
        let unreachable = |error: std::io::Error| Fault::Unreachable(error.to_string());
        let bare = authority.trim_matches(['[', ']']);
        let connected = match (authority.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
            (Ok(at), _) => TcpStream::connect(at).await,
            (_, Ok(ip)) => TcpStream::connect((ip, 80)).await,
            _ if authority.contains(':') => TcpStream::connect(authority).await,
            _ => TcpStream::connect((authority, 80)).await,
        };
        let stream = connected.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(ROOM),
        })
    }

    /// Sends a request and reads its response, and says whether another may follow.
    async fn exchange(
        &mut self,
        said: &[u8],
        has_no_body: bool,
    ) -> Result<(Response, bool), Fault> {
        let sent = self.stream.write_all(said).await;
        sent.map_err(|error| Fault::Broken(error.to_string()))?;
        self.response(has_no_body).await
    }

    /// Reads more of what comes; false if that is all.
    async fn read(&mut self) -> Result<bool, Fault> {
        self.buffer.reserve(ROOM);
        let read = self.stream.read_buf(&mut self.buffer).await;
        Ok(read.map_err(|error| Fault::Broken(error.to_string()))? > 0)
    }

    async fn read_on(&mut self) -> Result<(), Fault> {
        match self.read().await? {
            true => Ok(()),
            false => Err(broken("the connection ended before the response did")),
        }
    }

    /// Reads the response to a request, and says whether another may follow.
    async fn response(&mut self, has_no_body: bool) -> Result<(Response, bool), Fault> {
        let (mut response, framing, mut stays) = loop {
            if self.buffer.is_empty() {
                self.read_on().await?;
            }
            match head(&self.buffer, has_no_body)? {
                Some((used, response, framing, stays)) => {
                    self.buffer.drain(..used);
                    // 1xx: the response itself is still to come (RFC 9110 §15.2).
                    if !(100..200).contains(&response.status) {
                        break (response, framing, stays);
                    }
                }
                None if self.buffer.len() > HEAD => {
                    return Err(broken("a response whose head has no end"));
                }
                None => self.read_on().await?,
            }
        };
        match framing {
            Framing::Length(length) => stays &= self.sized(&mut response, length).await?,
            Framing::Chunked => stays &= self.chunks(&mut response).await?,
            Framing::UntilClose => {
                stays = false;
                while self.keep(&mut response, u64::MAX) && self.read().await? {}
            }
        }
        // What nobody asked for makes everything that follows doubtful.
        Ok((response, stays && self.buffer.is_empty()))
    }

    /// Takes so much of a body at most out of what was read. Says whether more may be kept of it.
    fn keep(&mut self, response: &mut Response, most: u64) -> bool {
        let ours = usize::try_from(most).unwrap_or(usize::MAX);
        let ours = ours.min(self.buffer.len());
        let room = BODY_LIMIT - response.body.len();
        response
            .body
            .extend_from_slice(&self.buffer[..ours.min(room)]);
        response.length += ours as u64;
        self.buffer.drain(..ours);
        response.length <= BODY_LIMIT as u64
    }

    /// A body of a known length. Says whether it was read to its end.
    async fn sized(&mut self, response: &mut Response, length: u64) -> Result<bool, Fault> {
        loop {
            if !self.keep(response, length - response.length) {
                response.length = length;
                return Ok(false);
            }
            if response.length == length {
                return Ok(true);
            }
            self.read_on().await?;
        }
    }

    /// A body in chunks (RFC 9112 §7.1). Says whether it was read to its end.
    async fn chunks(&mut self, response: &mut Response) -> Result<bool, Fault> {
        loop {
            let size = loop {
                let found = httparse::parse_chunk_size(&self.buffer);
                match found.map_err(|_| broken("a chunk without a length"))? {
                    httparse::Status::Complete((used, size)) => {
                        self.buffer.drain(..used);
                        break size;
                    }
                    httparse::Status::Partial if self.buffer.len() > HEAD => {
                        return Err(broken("a chunk whose length has no end"));
                    }
                    httparse::Status::Partial => self.read_on().await?,
                }
            };
            if size == 0 {
                return self.trailers().await;
            }
            let mut left = size;
            while left > 0 {
                if self.buffer.is_empty() {
                    self.read_on().await?;
                }
                let before = response.length;
                if !self.keep(response, left) {
                    return Ok(false);
                }
                left -= response.length - before;
            }
            while self.buffer.len() < 2 {
                self.read_on().await?;
            }
            if !self.buffer.starts_with(b"\r\n") {
                return Err(broken("a chunk that is longer than it says"));
            }
            self.buffer.drain(..2);
        }
    }

    /// What stands behind the last chunk, which nobody looks at.
    async fn trailers(&mut self) -> Result<bool, Fault> {
        loop {
            let end = self.buffer.windows(2).position(|two| two == b"\r\n");
            match end {
                Some(end) => {
                    self.buffer.drain(..end + 2);
                    if end == 0 {
                        return Ok(true);
                    }
                }
                None if self.buffer.len() > HEAD => {
                    return Err(broken("trailers without an end"));
                }
                None => self.read_on().await?,
            }
        }
    }
}

fn broken(why: &str) -> Fault {
    Fault::Broken(why.to_owned())
}

type Head = (usize, Response, Framing, bool);

/// The head of a response, once all of it is there: how long it is, what it says, how its body ends, and whether the
/// connection is to stay.
fn head(octets: &[u8], has_no_body: bool) -> Result<Option<Head>, Fault> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let status = parser.parse_response_with_uninit_headers(&mut parsed, octets, &mut fields);
    let status = status.map_err(|error| broken(&format!("no response of HTTP: {error}")))?;
    let httparse::Status::Complete(used) = status else {
        return Ok(None);
    };
    let (code, version) = (parsed.code.unwrap_or(0), parsed.version.unwrap_or(0));
    let mut response = Response::new(code);
    let (mut length, mut codings, mut options) = (None, None, String::new());
    for field in parsed.headers.iter() {
        let value = String::from_utf8_lossy(field.value).into_owned();
        match field.name.to_ascii_lowercase() {
            name if name == "content-length" => {
                let said = value.trim().parse::<u64>().ok();
                let said = said.ok_or_else(|| broken("a Content-Length that is no number"))?;
                if length.is_some_and(|before| before != said) {
                    return Err(broken("two lengths of one body"));
                }
                length = Some(said);
                response.headers.add(name, value);
            }
            name => {
                match &*name {
                    "transfer-encoding" => codings = Some(value.to_ascii_lowercase()),
                    "connection" => options += &format!(",{}", value.to_ascii_lowercase()),
                    _ => {}
                }
                response.headers.add(name, value);
            }
        }
    }
    let is_named = |option: &str| options.split(',').any(|one| one.trim() == option);
    let stays = match version {
        1 => !is_named("close"),
        _ => is_named("keep-alive"),
    };
    let is_empty = has_no_body || matches!(code, 100..200 | 204 | 304);
    let framing = match (codings, length) {
        _ if is_empty => Framing::Length(0),
        (Some(codings), _) if codings.trim_end().ends_with("chunked") => Framing::Chunked,
        (Some(_), _) | (None, None) => Framing::UntilClose,
        (None, Some(length)) => Framing::Length(length),
    };
    Ok(Some((used, response, framing, stays)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// A server that says one of these after each request, and lets a connection go where it says nothing; with what it
    /// was asked on each connection.
    fn server(says: &[&'static [&'static str]]) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let says = says.to_vec();
        let serving = thread::spawn(move || {
            let mut asked = Vec::new();
            let mut says = says.into_iter().peekable();
            while says.peek().is_some() {
                let (mut stream, _) = listener.accept().unwrap();
                let mut heard = Vec::new();
                for pieces in says.by_ref() {
                    if pieces.is_empty() {
                        break;
                    }
                    let before = heard.len();
                    while !heard[before..].ends_with(b"\r\n\r\n")
                        && !heard[before..].ends_with(b"body")
                    {
                        let mut octets = [0; 1_024];
                        match stream.read(&mut octets).unwrap() {
                            0 => break,
                            count => heard.extend_from_slice(&octets[..count]),
                        }
                    }
                    for piece in pieces {
                        stream.write_all(piece.as_bytes()).unwrap();
                        stream.flush().unwrap();
                        thread::sleep(Duration::from_millis(5));
                    }
                }
                asked.push(String::from_utf8(heard).unwrap());
            }
            asked
        });
        (authority, serving)
    }

    fn ask(straight: &Straight, authority: &str, request: &Request) -> Result<Response, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(straight.fetch((authority, "/a?b=c"), request))
    }

    /// What a request gets from a server that says this and nothing more.
    fn got(pieces: &'static [&'static str]) -> Result<Response, Fault> {
        let (authority, serving) = server(&[pieces]);
        let straight = Straight::new(Duration::from_secs(20));
        let got = ask(&straight, &authority, &Request::new("GET", ""));
        drop(straight);
        serving.join().unwrap();
        got
    }

    #[test]
    fn bodies_end_where_they_are_said_to() {
        for pieces in [
            &["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"][..],
            &[
                "HTTP/1.1 200 OK\r\nContent-",
                "Length: 4\r\n\r",
                "\nbo",
                "dy",
            ],
            &["HTTP/1.1 200 OK\r\n\r\nbo", "dy"],
            &["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"],
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n3;x=y\r\nody\r\n0\r\n\r\n",
            ],
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "4",
                "\r",
                "\nbo",
                "dy",
                "\r\n0\r\nA: b\r",
                "\n\r\n",
            ],
        ] {
            let got = got(pieces).unwrap();
            assert_eq!(
                (got.status, &*got.body, got.length),
                (200, &b"body"[..], 4),
                "{pieces:?}"
            );
        }
        let empty = got(&["HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"]).unwrap();
        assert_eq!(
            (empty.status, empty.headers.first("Server")),
            (204, Some("x"))
        );
        assert_eq!(empty.length, 0);
    }

    #[test]
    fn what_is_no_response_is_said_to_be_none() {
        for (pieces, says) in [
            (
                &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody"][..],
                "ended before",
            ),
            (
                &["HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nbody"],
                "no number",
            ),
            (
                &["HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 3\r\n\r\nbody"],
                "two lengths",
            ),
            (&["CoAP\r\n\r\n"], "no response of HTTP"),
            (&["HTTP/1.1 2"], "ended before"),
            (
                &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbody\r\n0\r\n\r\n"],
                "longer than it says",
            ),
            (
                &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"],
                "without a length",
            ),
        ] {
            match got(pieces) {
                Err(Fault::Broken(why)) => assert!(why.contains(says), "{why}"),
                got => panic!("expected {says}, got {got:?}"),
            }
        }
        let straight = Straight::new(Duration::from_millis(100));
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = deaf.local_addr().unwrap().to_string();
        let request = Request::new("GET", "");
        assert_eq!(ask(&straight, &authority, &request), Err(Fault::TimedOut));
        drop(deaf);
        let nobody = ask(&straight, &authority, &request);
        assert!(matches!(nobody, Err(Fault::Unreachable(_))), "{nobody:?}");
        let split = Request::new("GET", "").with("A", "b\r\nC: d");
        let unfit = ask(&straight, &authority, &split);
        assert!(matches!(unfit, Err(Fault::NotSent(_))), "{unfit:?}");
    }

    #[test]
    fn a_connection_stays_as_long_as_both_sides_let_it() {
        const STAYS: &[&str] = &["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"];
        const MORE: &[&str] = &["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP"];
        const ENDS: &[&str] =
            &["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"];
        let (authority, serving) = server(&[STAYS, STAYS, ENDS, &[], STAYS, MORE, &[], STAYS]);
        let straight = Straight::new(Duration::from_secs(20));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let request = Request::new("POST", "").with_body("text/plain", b"body".to_vec());
        runtime.block_on(async {
            for _ in 0..6 {
                let got = straight.fetch((&authority, "/a?b=c"), &request).await;
                assert_eq!(got.unwrap().status, 200);
            }
        });
        let asked = serving.join().unwrap();
        let one = format!(
            "POST /a?b=c HTTP/1.1\r\nhost: {authority}\r\naccept: */*\r\nContent-Type: text/plain\r\n\
             content-length: 4\r\n\r\nbody"
        );
        assert_eq!(asked, [one.repeat(3), one.repeat(2), one]);
    }

    #[test]
    fn what_would_be_rewritten_on_its_way_goes_another_way() {
        assert_eq!(place("http://a:1/b?c"), Some(("a:1", "/b?c")));
        assert_eq!(place("http://[::1]:1"), Some(("[::1]:1", "")));
        for url in [
            "https://a/b",
            "http://a/b c",
            "http://a/../b",
            "http://a/b#c",
            "http://u@a/b",
            "http://A/b",
            "http://a?b",
            "http:///b",
            "http://a/\u{e4}",
        ] {
            assert_eq!(place(url), None, "{url}");
        }
    }
}
