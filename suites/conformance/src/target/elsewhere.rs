//! Where systems are that run elsewhere, and how they are told what to do.

use std::net::SocketAddr;

use twinproof_judge::profile::{HookSpec, Profile};
use twinproof_judge::scene::SUT;
use twinproof_stage::{Elsewhere, HookCall};

use super::Part;

/// The gateway that a profile speaks of, if it does.
pub(crate) fn gateway_elsewhere(profile: &Profile) -> Option<Elsewhere> {
    let gateway = profile.gwmo.as_ref()?;
    Some(Elsewhere {
        name: SUT.to_owned(),
        base_url: gateway.devices_at.clone(),
        section: "gwmo",
        restart: gateway.restart.as_ref().map(hook_call),
        advance_clock: gateway.advance_clock.as_ref().map(hook_call),
        patience: profile.pace.hook.duration(),
    })
}

/// The Twinning system that a profile speaks of, if it does.
pub fn elsewhere(profile: &Profile) -> Option<Elsewhere> {
    let twinning = profile.twinning.as_ref()?;
    Some(Elsewhere {
        name: SUT.to_owned(),
        base_url: twinning.base_url.clone(),
        section: "twinning",
        restart: twinning.restart.as_ref().map(hook_call),
        advance_clock: twinning.advance_clock.as_ref().map(hook_call),
        patience: profile.pace.hook.duration(),
    })
}

/// The LwM2M server that a profile speaks of, if it does, and its address.
///
/// # Errors
///
/// The address is none, or its name cannot be resolved.
pub(crate) async fn server_elsewhere(
    profile: &mut Profile,
    part: Part<'_>,
) -> Result<Option<(Elsewhere, SocketAddr)>, String> {
    let patience = profile.pace.hook.duration();
    let Some(section) = &mut profile.lwm2m else {
        return Ok(None);
    };
    // Where devices come over associations in this scenario alone, others come in the clear.
    let mut key = "lwm2m.server";
    if let Some(security) = section.security.as_mut().filter(|_| part.is_secured())
        && let Some(secured) = security.server.take()
    {
        key = "lwm2m.security.server";
        let plain = section.server.replace(secured);
        security.plain = security.plain.take().or(plain);
    }
    let Some(server) = &section.server else {
        return Ok(None);
    };
    let address = resolved(key, server).await?;
    let base_url = match section.is_secured() {
        true => format!("coaps://{address}"),
        false => format!("coap://{address}"),
    };
    section.server = Some(base_url.clone());
    if let Some(security) = &mut section.security
        && let Some(plain) = &security.plain
    {
        let address = resolved("lwm2m.security.plain", plain).await?;
        security.plain = Some(format!("coap://{address}"));
    }
    let system = Elsewhere {
        name: SUT.to_owned(),
        base_url,
        section: "lwm2m",
        // That it is back after a restart is asked over HTTP, which it does not speak.
        restart: None,
        advance_clock: section.advance_clock.as_ref().map(hook_call),
        patience,
    };
    Ok(Some((system, address)))
}

/// The LwM2M bootstrap server that a profile speaks of, if it does, and its address.
///
/// # Errors
///
/// The address is none, or its name cannot be resolved.
pub(crate) async fn bootstrap_elsewhere(
    profile: &mut Profile,
    part: Part<'_>,
) -> Result<Option<(Elsewhere, SocketAddr)>, String> {
    let patience = profile.pace.hook.duration();
    let section = profile.lwm2m.as_mut();
    let Some(section) = section.and_then(|section| section.bootstrap.as_mut()) else {
        return Ok(None);
    };
    let mut key = "lwm2m.bootstrap.server";
    if let Some(security) = section.security.as_mut().filter(|_| part.is_secured())
        && let Some(secured) = security.server.take()
    {
        key = "lwm2m.bootstrap.security.server";
        let plain = std::mem::replace(&mut section.server, secured);
        security.plain.get_or_insert(plain);
    }
    let address = resolved(key, &section.server).await?;
    section.server = match section.is_secured() {
        true => format!("coaps://{address}"),
        false => format!("coap://{address}"),
    };
    if let Some(security) = &mut section.security
        && let Some(plain) = &security.plain
    {
        let address = resolved("lwm2m.bootstrap.security.plain", plain).await?;
        security.plain = Some(format!("coap://{address}"));
    }
    let system = Elsewhere {
        name: SUT.to_owned(),
        base_url: section.server.clone(),
        section: "lwm2m.bootstrap",
        restart: None,
        advance_clock: None,
        patience,
    };
    Ok(Some((system, address)))
}

/// The address that the URL of a server behind this key of a profile leads to.
async fn resolved(key: &str, server: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| {
        format!(
            "{key}: expected coap:// or coaps:// with a host, and a port unless it is {COAP} or {COAPS}, \
             got {server:?}{why}"
        )
    };
    let authority = coap_authority(server).map_err(|why| format!("{key}: {why}"))?;
    let found: Vec<SocketAddr> = tokio::net::lookup_host(authority)
        .await
        .map_err(|error| wrong(&format!(": {error}")))?
        .collect();
    // Of several the first, but for IPv4, which is what simulated devices have on every machine.
    let first = found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first());
    let address = first.ok_or_else(|| wrong(", which has no address"))?;
    Ok(*address)
}

/// The port of CoAP where a URL names none (RFC 7252 §6.1).
const COAP: u16 = 5683;

/// The port of CoAP over DTLS where a URL names none (RFC 7252 §6.2).
const COAPS: u16 = 5684;

/// The host and the port that a server's URL names.
///
/// # Errors
///
/// It is no URL of a server that can be judged; the words say what is expected.
pub fn coap_authority(url: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{why}, got {url:?}"));
    let (rest, usual) = match (url.strip_prefix("coap://"), url.strip_prefix("coaps://")) {
        (Some(rest), _) => (rest, COAP),
        (None, Some(rest)) => (rest, COAPS),
        (None, None) => {
            return wrong("expected a URL that begins with coap:// or coaps:// and a host");
        }
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@".contains(c);
    if authority.contains(odd) {
        return wrong("expected nothing but a host and a port behind ://");
    }
    let (host, port) = host_and_port(authority).map_err(|why| format!("{why}, got {url:?}"))?;
    Ok(format!("{host}:{}", port.unwrap_or(usual)))
}

/// The host and the port of a URL's authority, which has no user name.
///
/// # Errors
///
/// The host is missing or an IPv6 address without brackets, or the port is none; the words say what is
/// expected.
pub fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let wrong = |why: &str| Err(why.to_owned());
    // The colons of an IPv6 address stand in brackets.
    let after_host = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after_host..].rfind(':') {
        Some(at) => {
            let (host, port) = authority.split_at(after_host + at);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    if host.is_empty() {
        return wrong("expected a host behind ://");
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return wrong("expected an IPv6 address in brackets, such as [::1]");
    }
    let Some(port) = port else {
        return Ok((host, None));
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>().ok().filter(|port| digits && *port > 0) {
        Some(port) => Ok((host, Some(port))),
        None => wrong("expected a port from 1 to 65535 behind the host, or none"),
    }
}

pub(crate) fn hook_call(spec: &HookSpec) -> HookCall {
    match spec {
        HookSpec::Command(line) => HookCall::Command(line.clone()),
        HookSpec::Http { method, url, body } => HookCall::Http {
            method: method.clone(),
            url: url.clone(),
            body: body.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::coap_authority;

    #[test]
    fn a_url_of_a_server_names_a_host_and_perhaps_a_port() {
        for (url, authority) in [
            ("coap://127.0.0.1", "127.0.0.1:5683"),
            ("coap://server.example/", "server.example:5683"),
            ("coap://[::1]", "[::1]:5683"),
            ("coap://[::1]:5685/", "[::1]:5685"),
            ("coap://x:1", "x:1"),
            ("coaps://x", "x:5684"),
        ] {
            assert_eq!(coap_authority(url).as_deref(), Ok(authority), "{url}");
        }
        for (url, says) in [
            ("coaps://", "expected a host"),
            ("http://x", "begins with coap://"),
            ("coap://", "expected a host"),
            ("coap://:5683", "expected a host"),
            ("coap://x:0", "a port from 1 to 65535"),
            ("coap://x:", "a port from 1 to 65535"),
            ("coap://x:+1", "a port from 1 to 65535"),
            ("coap://::1", "in brackets"),
            ("coap://x/rd", "nothing but a host"),
        ] {
            let words = coap_authority(url).unwrap_err();
            assert!(words.contains(says), "{url}: {words}");
        }
    }
}
