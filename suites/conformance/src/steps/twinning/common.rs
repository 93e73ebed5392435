//! What holds for the whole API.

use cucumber::{then, when};
use twinproof_judge::checks::twinning::common::Check as Common;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Credential, Order, Raw};
use twinproof_twinning::tree::Format;

use super::parties::Part;
use super::read::Spoken;
use crate::world::World;

#[when(expr = "{part} asks for a code in a request that is no {format}")]
async fn garbage(w: &mut World, part: Part, format: Spoken) -> Result<(), Halted> {
    let scene = w.scene();
    scene.party(&part)?;
    scene.remember().await?;
    let body = match format.0 {
        Format::Json => r#"{"twinning":{"role":"Secondary""#,
        Format::Xml => "<twinning><role>Secondary</role",
    };
    let raw = Raw::new("POST", "{twinnings}").with_body(format.0.media_type(), body);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} tries what its resources do not offer")]
async fn odd_verbs(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    scene.remember().await?;
    let mut exchanges = Vec::new();
    for (method, url) in [
        ("DELETE", "{twinnings}"),
        ("PUT", "{twinnings}"),
        ("PATCH", "{twinnings}"),
        ("PATCH", url.as_str()),
    ] {
        scene
            .attempt(&part, Order::Send(Raw::new(method, url)))
            .await?;
        exchanges.append(&mut scene.twinning.last);
    }
    scene.twinning.last = exchanges;
    Ok(())
}

#[when(expr = "{part} asks for a code in a version of the interface that does not exist")]
async fn odd_version(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let knobs = scene.twinning_profile()?.knobs;
    scene.party(&part)?;
    scene.remember().await?;
    let ask = scene.code_request()?;
    let mut raw = scene.body(&part, &ask)?;
    raw.url = format!(
        "{{base}}/{}/v99/{{user}}{}",
        knobs.paths.api, knobs.paths.twinnings
    );
    let raw = raw.presenting(Credential::Provisioned);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[then("each is refused by naming what there is instead")]
async fn verbs_named(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for exchange in scene.twinning.last.clone() {
        scene.judge(Common::VerbsNamed { exchange });
    }
    Ok(())
}

#[then("the enabler does not act as if it knew that version")]
async fn version_unknown(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(Common::VersionNotServed { exchange });
    Ok(())
}

#[then("all of it went by plain HTTP operations, each answered")]
async fn plain_http(w: &mut World) -> Result<(), Halted> {
    w.scene().judge(Common::PlainHttp);
    Ok(())
}

#[then("every address names things and not deeds")]
async fn readable(w: &mut World) -> Result<(), Halted> {
    w.scene().judge(Common::AddressesReadable);
    Ok(())
}

#[then("every resource keeps its address")]
async fn stable(w: &mut World) -> Result<(), Halted> {
    w.scene().judge(Common::AddressesStable);
    Ok(())
}

#[then("every address says which version of the interface it belongs to")]
async fn versioned(w: &mut World) -> Result<(), Halted> {
    w.scene().judge(Common::AddressesVersioned);
    Ok(())
}

#[then("devices and users are known by their addresses only")]
async fn of_users(w: &mut World) -> Result<(), Halted> {
    w.scene().judge(Common::AddressesOfUsers);
    Ok(())
}

#[then("nothing of the network below shows")]
async fn no_network_terms(w: &mut World) -> Result<(), Halted> {
    w.scene().judge(Common::NoNetworkTerms);
    Ok(())
}
