//! Removes what scenarios leave at a system that runs elsewhere.

use base64::Engine as _;
use twinproof_evidence::record::What;
use twinproof_judge::profile::{Authorization, SecondaryToken, Subscriber, Twinning};
use twinproof_judge::scene::CLEANER;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_stage::Stage;
use twinproof_twinning::device::read_body;
use twinproof_twinning::tree::{Format, Tree};
use twinproof_twinning::url::encode_segment;

/// What is left of one subscriber, and why it could not be removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leftover {
    /// The subscriber's address.
    pub address: String,
    /// Why it is not clean.
    pub why: String,
}

/// Why something could not be removed.
enum Dirt {
    /// The system answered, but not as it would have to.
    Kept(String),
    /// The system does not answer.
    Silent(String),
}

/// Removes everything that these subscribers have at the system. The exchanges are in the ledger
/// under the name of the cleaner, and nobody judges them. A system that does not answer is asked no
/// further, and none of them is clean.
///
/// Subscriptions go first, so that nobody is told of the removal of a twinning.
pub async fn clean(
    stage: &mut Stage,
    twinning: &Twinning,
    subscribers: &[Subscriber],
) -> Vec<Leftover> {
    let mut leftovers: Vec<Leftover> = Vec::new();
    let mut silent = None;
    for collection in ["subscriptions", "twinnings", "channels"] {
        for subscriber in subscribers {
            let dirty = leftovers
                .iter()
                .any(|leftover| leftover.address == subscriber.address);
            let Some(url) = collection_url(twinning, subscriber, collection).filter(|_| !dirty)
            else {
                continue;
            };
            // Only twinnings are what every system has.
            let optional = collection != "twinnings";
            let emptied = match &silent {
                None => empty(stage, twinning, subscriber, &url, optional).await,
                Some(why) => Err(Dirt::Silent(String::clone(why))),
            };
            let why = match emptied {
                Ok(()) => continue,
                Err(Dirt::Kept(why)) => why,
                Err(Dirt::Silent(why)) => silent.insert(why).clone(),
            };
            leftovers.push(Leftover {
                address: subscriber.address.clone(),
                why: format!("{collection}: {why}"),
            });
        }
    }
    for leftover in &leftovers {
        stage.recorder().write(
            stage.now(),
            What::Noted {
                name: "quarantined".to_owned(),
                value: serde_json::json!({ "subscriber": leftover.address, "why": leftover.why }),
            },
        );
    }
    leftovers
}

/// Ends, as the other operator, what the system has of relationships with that operator's devices.
/// Whatever it refuses ends by itself, at the latest with its code.
pub(crate) async fn end_halves(stage: &mut Stage, twinning: &Twinning, halves: &[String]) {
    let Some(peer) = &twinning.peer else {
        return;
    };
    let format: Format = twinning.knobs.format.into();
    for half in halves {
        let own = origin(half) == origin(&twinning.base_url);
        if own
            && send(stage, "DELETE", half, &peer.token, format)
                .await
                .is_err()
        {
            return;
        }
    }
}

fn collection_url(twinning: &Twinning, subscriber: &Subscriber, which: &str) -> Option<String> {
    let paths = &twinning.knobs.paths;
    let user = encode_segment(&subscriber.address);
    let base = format!(
        "{}/{}/{}/{user}",
        twinning.base_url.trim_end_matches('/'),
        paths.api,
        paths.version
    );
    match which {
        "subscriptions" => Some(format!("{base}{}", paths.subscriptions)),
        "twinnings" => Some(format!("{base}{}", paths.twinnings)),
        _ => twinning.notification_channel.as_ref().map(|base| {
            format!(
                "{}/notificationchannel/v1/{user}/channels",
                base.trim_end_matches('/')
            )
        }),
    }
}

/// Deletes all members of a collection and looks whether it is empty then.
async fn empty(
    stage: &mut Stage,
    twinning: &Twinning,
    subscriber: &Subscriber,
    url: &str,
    optional: bool,
) -> Result<(), Dirt> {
    let token = subscriber.access_token().map_err(Dirt::Kept)?;
    let format: Format = twinning.knobs.format.into();
    for _ in 0..2 {
        let listed = send(stage, "GET", url, &token, format).await?;
        if optional && matches!(listed.status, 403 | 404 | 405 | 501) {
            return Ok(());
        }
        if listed.status == 204 {
            return Ok(());
        }
        if !listed.is_success() {
            let why = format!("GET {url} was answered with {}", listed.status);
            return Err(Dirt::Kept(why));
        }
        let members =
            members(&listed, url, &twinning.knobs.names.resource_url).map_err(Dirt::Kept)?;
        if members.is_empty() {
            return Ok(());
        }
        for member in members {
            let deleted = send(stage, "DELETE", &member, &token, format).await?;
            if matches!(deleted.status, 401 | 403)
                && let Some(own) = twinning_token(stage, twinning, subscriber).await
            {
                send(stage, "DELETE", &member, &own, format).await?;
            }
        }
    }
    let left = send(stage, "GET", url, &token, format).await?;
    match members(&left, url, &twinning.knobs.names.resource_url) {
        Ok(members) if left.is_success() && members.is_empty() => Ok(()),
        Ok(members) => Err(Dirt::Kept(format!("still there: {}", members.join(", ")))),
        Err(why) => Err(Dirt::Kept(why)),
    }
}

/// The URLs of a collection's members: every resource URL in it but its own.
fn members(listed: &Response, url: &str, resource_url: &str) -> Result<Vec<String>, String> {
    let document = read_body(listed).map_err(|e| format!("GET {url}: {e}"))?;
    let mut found = Vec::new();
    collect(&document.tree, resource_url, true, &mut found);
    found.sort();
    found.dedup();
    // A token is shown to nobody but the system itself.
    match found.iter().find(|member| origin(member) != origin(url)) {
        Some(elsewhere) => Err(format!("{elsewhere} is not at {}", origin(url))),
        None => Ok(found),
    }
}

fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url[authority..].find('/');
    path.map_or(url, |at| &url[..authority + at])
}

fn collect(tree: &Tree, resource_url: &str, top: bool, found: &mut Vec<String>) {
    for (name, child) in tree.entries() {
        match child.text() {
            // The list's own.
            Some(_) if top => {}
            Some(text) if name == resource_url => found.push(text.to_owned()),
            _ => collect(child, resource_url, false, found),
        }
    }
}

async fn send(
    stage: &mut Stage,
    method: &str,
    url: &str,
    token: &str,
    format: Format,
) -> Result<Response, Dirt> {
    let request = Request::new(method, url)
        .with("Authorization", format!("Bearer {token}"))
        .with("Accept", format.media_type());
    let mut answer = stage.call(CLEANER, request.clone()).await;
    // A connection that breaks once is no reason to do without a device.
    if let Err(Fault::Broken(_)) = answer {
        answer = stage.call(CLEANER, request).await;
    }
    answer.map_err(|fault| Dirt::Silent(format!("{method} {url}: {fault}")))
}

/// The token that a secondary needs to leave its twinning (HLF-SD-005).
async fn twinning_token(
    stage: &mut Stage,
    twinning: &Twinning,
    subscriber: &Subscriber,
) -> Option<String> {
    let Authorization {
        token_url,
        secondary_token,
        ..
    } = twinning.authorization.as_ref()?;
    if *secondary_token != SecondaryToken::ClientCredentials {
        return None;
    }
    let id = subscriber.client_id.as_ref()?;
    let secret = subscriber.secret().ok()?;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let request = Request::new("POST", token_url)
        .with("Authorization", format!("Basic {basic}"))
        .with("Accept", Format::Json.media_type())
        .with_body(
            "application/x-www-form-urlencoded",
            b"grant_type=client_credentials".to_vec(),
        );
    let answer = stage.call(CLEANER, request).await.ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some(answer.get("access_token")?.as_str()?.to_owned())
}
