//! Devices send values of their own accord (from LwM2M 1.1 on).

use cucumber::{then, when};
use twinproof_coap::{Code, ContentFormat};
use twinproof_judge::checks::lwm2m::answer::Check as Answer;
use twinproof_lwm2m::device::{Order, Request};
use twinproof_stage::Halted;

use super::manage::{BATTERY, path};
use super::parties::Who;
use crate::world::{Scene, World};

/// Where devices send values to.
const SEND: &str = "/dp";

/// The battery level that a simulated device has, in per cent.
const LEVEL: i64 = 95;

/// An object that every server knows and no simulated device has: access control.
const ABSENT: &str = r#"[{"n":"/2/0/3","v":1}]"#;

impl Scene {
    /// Has a device send these values as SenML in JSON.
    async fn send_json(&mut self, who: &Who, values: &str) -> Result<(), Halted> {
        let request = Request::new(Code::POST, SEND);
        let request = request.with_body(ContentFormat::SENML_JSON, values);
        self.tell(who, Order::Request(request)).await?;
        Ok(())
    }
}

#[when(expr = "{who} sends its battery level unasked")]
async fn sends(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let path = path(&BATTERY);
    let paths = vec![path];
    let server = 0;
    scene.tell(&who, Order::Send { server, paths }).await?;
    scene.sent_unasked(&who, path, LEVEL);
    Ok(())
}

#[when(expr = "{who} sends its battery level unasked, as text that people can read")]
async fn sends_json(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let path = path(&BATTERY);
    let values = format!(r#"[{{"n":"{path}","v":{LEVEL}}}]"#);
    scene.send_json(&who, &values).await?;
    scene.sent_unasked(&who, path, LEVEL);
    Ok(())
}

#[when(expr = "{who} sends a value of an object that it has not registered")]
async fn sends_unlisted(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().send_json(&who, ABSENT).await
}

#[then("the server confirms what was sent")]
async fn confirms(w: &mut World) -> Result<(), Halted> {
    let code = "2.04".to_owned();
    w.scene().check_last(|act| Answer::Confirmed { act, code })
}

#[then("the server does not take what was sent")]
async fn does_not_take(w: &mut World) -> Result<(), Halted> {
    let code = "4.04".to_owned();
    w.scene()
        .check_last(|act| Answer::RefusedWith { act, code })
}
