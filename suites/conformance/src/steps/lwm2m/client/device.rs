//! What a device does that is told to, and what it keeps: firmware, and life without power.

use cucumber::{then, when};
use twinproof_coap::{Code, ContentFormat};
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_lwm2m::upper::Control;
use twinproof_stage::Halted;

use super::super::manage::path;
use super::ask::LIFETIME;
use crate::world::{Scene, World};

/// The Firmware Update object (TS LwM2M 1.0 Appendix E.6): its only instance, and what is in it.
const FIRMWARE: [u16; 2] = [5, 0];
const PACKAGE: [u16; 3] = [5, 0, 0];
const UPDATE: [u16; 3] = [5, 0, 2];
const STATE: [u16; 3] = [5, 0, 3];
const RESULT: [u16; 3] = [5, 0, 5];

/// Its states, and the results of an installation.
const IDLE: &str = "0";
const DOWNLOADED: &str = "2";
const NO_RESULT: &str = "0";
const INSTALLED: &str = "1";

/// What is written as a package where the client takes anything for one.
const ANY: [u8; 16] = *b"\x01any package at ";

impl Scene {
    async fn write_package(&mut self, package: &[u8]) -> Result<(), Halted> {
        let request = self.about(0, Code::PUT, path(&PACKAGE))?;
        let request = request.with_body(ContentFormat::OCTET_STREAM, package);
        self.ask(0, request).await?;
        Ok(())
    }

    async fn install(&mut self) -> Result<(), Halted> {
        let request = self.about(0, Code::POST, path(&UPDATE))?;
        self.ask(0, request).await?;
        Ok(())
    }

    /// Reads a number of the firmware, and records that it has to be this one.
    async fn check_firmware(&mut self, at: &[u16], value: &str) -> Result<(), Halted> {
        let at = path(at);
        let act = self.read_from(0, at).await?;
        let (path, value) = (at.to_string(), value.to_owned());
        self.check_client(Client::Shows { act, path, value });
        Ok(())
    }

    fn must_have_firmware(&mut self) -> Result<(), Halted> {
        let listed = self.said(0)?.objects.unwrap_or_default();
        match listed.contains(&path(&FIRMWARE)) {
            true => Ok(()),
            false => Err(self.inconclusive("the client lists no /5/0, which is optional")),
        }
    }
}

#[when("its server has firmware installed that nobody has brought")]
async fn installs_nothing(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.must_have_firmware()?;
    scene.install().await
}

#[when("its server writes a package")]
async fn brings(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.must_have_firmware()?;
    scene.write_package(&ANY).await
}

#[when("its server takes the package back")]
async fn takes_back(w: &mut World) -> Result<(), Halted> {
    w.scene().write_package(&[]).await
}

#[when("its server has the package installed")]
async fn installs(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.look_from_here()?;
    scene.install().await?;
    let act = scene.last_act()?;
    scene.has_come_again().await?;
    scene.lwm2m.last = Some(act);
    Ok(())
}

#[then("the client has no firmware to install")]
async fn is_idle(w: &mut World) -> Result<(), Halted> {
    w.scene().check_firmware(&STATE, IDLE).await
}

#[then("the client has firmware to install")]
async fn has_package(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.check_firmware(&STATE, DOWNLOADED).await?;
    scene.check_firmware(&RESULT, NO_RESULT).await
}

#[then("the client says that the firmware was installed")]
async fn has_installed(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.check_firmware(&STATE, IDLE).await?;
    scene.check_firmware(&RESULT, INSTALLED).await
}

#[when("the client loses its power, and gets it back")]
async fn loses_power(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene.setting(0, LIFETIME)?;
    let before = scene.read_from(0, lifetime).await?;
    scene.client()?.before = Some(before);
    scene.look_from_here()?;
    scene.stage.control(Control::PowerCycle).await?;
    scene.has_come_again().await?;
    Ok(())
}

#[then("the life time is still the one that was written")]
async fn keeps_lifetime(w: &mut World) -> Result<(), Halted> {
    // That it outlasts the time without power is our own judgement.
    w.scene().is_unchanged(LIFETIME, true).await
}
