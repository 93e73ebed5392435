//! A proxy between a run and a served system, which does to some requests what a test wants.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What becomes of a request.
pub enum Fate {
    /// The system gets it and its sender never hears of it.
    LosesTheAnswer,
    /// The same, but the system gets it only when its sender has given up.
    ComesLate,
    /// The sender gets this answer, and the system nothing.
    AnsweredBy(fn(&mut TcpStream) -> std::io::Result<()>),
}

/// Which requests have a fate of their own: those that contain all of these words.
pub type Words = &'static [&'static str];

/// A proxy that does this to the first so many requests with these words; returns its URL and how many
/// there have been.
pub fn between(words: Words, most: usize, fate: Fate) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (fate, met) = (Arc::new(fate), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&met);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (fate, met) = (Arc::clone(&fate), Arc::clone(&met));
            let fated = move |request: &str| {
                words.iter().all(|word| request.contains(word))
                    && met.fetch_add(1, Ordering::SeqCst) < most
            };
            std::thread::spawn(move || pass_on(stream, fated, &fate));
        }
    });
    (url, counted)
}

/// Writes the profile of a served system that is reached through a proxy, with an exchange time of a
/// second.
pub fn reach_through(proxy: &str, profile: &str, file: &Path) {
    let hasty = profile.replace("timeout = \"5s\"", "timeout = \"1s\"");
    assert_ne!(hasty, profile);
    let text = format!("{hasty}\n[network]\nproxy = \"{proxy}\"\n");
    fs::write(file, text).unwrap();
}

/// One request of a connection: what is asked later finds it closed and comes anew.
fn pass_on(
    mut stream: TcpStream,
    fated: impl Fn(&str) -> bool,
    fate: &Fate,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let length = value.trim().parse().ok();
        length.filter(|_| name.eq_ignore_ascii_case("content-length"))
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let (line, fields) = head.split_once("\r\n").unwrap_or_default();
    let target = line.split(' ').nth(1).unwrap_or_default();
    let authority = target.trim_start_matches("http://");
    let authority = authority.split('/').next().unwrap_or_default();
    let ask = || {
        let mut onward = TcpStream::connect(authority)?;
        let fields = fields.trim_end();
        write!(onward, "{line}\r\n{fields}\r\nConnection: close\r\n\r\n")?;
        onward.write_all(&body)?;
        let mut answer = Vec::new();
        onward.read_to_end(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    if !fated(&format!("{head}{}", String::from_utf8_lossy(&body))) {
        let answer = ask()?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = answer.split_at(end.unwrap_or(answer.len()));
        stream.write_all(head)?;
        stream.write_all(b"\r\nConnection: close")?;
        return stream.write_all(body);
    }
    // Ends when the other side closes, in whichever way it does.
    let given_up = |reader: &mut BufReader<TcpStream>| drop(reader.read(&mut [0]));
    match fate {
        Fate::LosesTheAnswer => {
            ask()?;
            given_up(&mut reader);
        }
        Fate::ComesLate => {
            given_up(&mut reader);
            ask()?;
        }
        Fate::AnsweredBy(answer) => answer(&mut stream)?,
    }
    Ok(())
}
