//! The network that scenarios are performed over.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use twinproof_judge::profile::{Https, Profile};
use twinproof_stage::{Alias, AuthorityFiles, Network, Options, Place, Shows, Trust};

use super::{
    MANY_DEVICES, OTHER_MANAGER, SECURED_MANAGER, TENDED, gateway_device, other_dm_server,
};
use crate::turns::Turns;

/// The network that a profile asks for.
///
/// # Errors
///
/// A certificate cannot be read, an address of the harness cannot be bound, or its lock file cannot
/// be had; the words name the key of the profile.
pub fn network(profile: &Profile) -> Result<Network, String> {
    let harness = &profile.harness;
    if let Some(lock) = &harness.lock {
        Turns::at(lock)?;
    }
    let place = |listen: &Option<String>, advertise: &Option<String>| {
        listen.clone().map(|listen| Place {
            listen,
            advertise: advertise.clone(),
        })
    };
    let certificate = match (&harness.certificate, &harness.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => return Err("harness.certificate and harness.key go together".to_owned()),
    };
    let gateway = profile.gwmo.iter().flat_map(|gateway| &gateway.devices);
    let mut ports = BTreeMap::new();
    let client = profile.dm.as_ref().and_then(|dm| dm.client.as_ref());
    let others = client.iter().flat_map(|client| &client.others);
    for (number, other) in others.enumerate() {
        if let Some(listen) = &other.listen {
            let address = listen.parse().map_err(|_| {
                format!(
                    "dm.client.other.listen: expected an IP address and a port such as 127.0.0.1:8092, got {listen:?}"
                )
            })?;
            ports.insert(other_dm_server(number), address);
        }
    }
    for (number, device) in gateway.enumerate() {
        if let Some(listen) = &device.listen {
            let address = listen.parse().map_err(|_| {
                format!(
                    "gwmo.device.listen: expected an IP address and a port such as 127.0.0.1:8101, got {listen:?}"
                )
            })?;
            ports.insert(gateway_device(number), address);
        }
    }
    let other = profile.gwmo.iter().flat_map(|gateway| &gateway.other);
    for listen in other.filter_map(|other| other.listen.as_ref()) {
        let address = listen.parse().map_err(|_| {
            format!(
                "gwmo.other.listen: expected an IP address and a port such as 127.0.0.1:8089, got {listen:?}"
            )
        })?;
        ports.insert(OTHER_MANAGER.to_owned(), address);
    }
    let server = profile.dm.as_ref().and_then(|dm| dm.server.as_ref());
    let above = server.and_then(|server| server.gateways.as_ref());
    if let Some(listen) = above.and_then(|gateways| gateways.listen.as_ref()) {
        let address = listen.parse().map_err(|_| {
            format!(
                "dm.server.gateways.listen: expected an IP address and a port such as 127.0.0.1:8105, got {listen:?}"
            )
        })?;
        ports.insert(TENDED.to_owned(), address);
    }
    let https = profile.gwmo.iter().flat_map(|gateway| &gateway.https);
    for listen in https.filter_map(|https| https.listen.as_ref()) {
        ports.insert(SECURED_MANAGER.to_owned(), secured_at(listen)?);
    }
    let many = profile.gwmo.iter().flat_map(|gateway| &gateway.many);
    if let Some(listen) = many.filter_map(|many| many.listen.as_ref()).next() {
        let address = listen.parse().map_err(|_| {
            format!(
                "gwmo.many.listen: expected an IP address and a port such as 127.0.0.1:8110, got {listen:?}"
            )
        })?;
        ports.insert(MANY_DEVICES.to_owned(), address);
    }
    Network::open(&Options {
        ports,
        shows: shows(profile)?,
        rate: profile.pace.rate,
        trust: Trust {
            ca_file: profile.tls.ca_file.clone(),
            client_certificate: profile.tls.client_certificate.clone(),
            client_key: profile.tls.client_key.clone(),
        },
        alias: profile.tls.server_name.clone().and_then(|name| {
            let base_url = profile.twinning.as_ref()?.base_url.clone();
            Some(Alias { base_url, name })
        }),
        proxy: profile.network.proxy.clone(),
        callbacks: place(&harness.listen, &harness.advertise),
        peer: place(&harness.peer_listen, &harness.peer_advertise),
        certificate,
        ..Options::new(profile.pace.timeout.duration())
    })
}

fn secured_at(listen: &str) -> Result<SocketAddr, String> {
    listen.parse().map_err(|_| {
        format!(
            "gwmo.https.listen: expected an IP address and a port such as 127.0.0.1:8443, got {listen:?}"
        )
    })
}

/// Servers that show certificates, if the profile names an authority for them.
fn shows(profile: &Profile) -> Result<Option<Shows>, String> {
    let client = profile.dm.as_ref().and_then(|dm| dm.client.as_ref());
    let own = client.and_then(|client| Some(("dm.client.https", client.https.clone()?)));
    let gateway = profile
        .gwmo
        .as_ref()
        .and_then(|gateway| gateway.https.as_ref());
    let gateway = gateway.map(|https| {
        let listen = https.listen.as_deref().map(secured_at).transpose()?;
        let usual = Https::default();
        let https = Https {
            authority: https.authority.clone(),
            authority_key: https.authority_key.clone(),
            host: https.host.clone(),
            listen: listen.map_or(usual.listen, |listen| listen.ip()),
        };
        Ok::<_, String>(("gwmo.https", https))
    });
    let Some((key, https)) = own.or(gateway.transpose()?) else {
        return Ok(None);
    };
    let files = match (&https.authority, &https.authority_key) {
        (Some(certificate), Some(secret)) => AuthorityFiles {
            certificate: certificate.clone(),
            key: secret.clone(),
        },
        (None, None) => return Ok(None),
        _ => {
            return Err(format!(
                "{key}.authority and {key}.authority_key go together"
            ));
        }
    };
    Shows::of(key, &files, &https.host, https.listen).map(Some)
}
