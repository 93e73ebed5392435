//! Devices that move from gateway to gateway.

use std::sync::Arc;

use cucumber::{given, when};
use twinproof_dm::server::{self, Enrolment};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::{Answer, Order};
use twinproof_gwmo::manager::Manager;
use twinproof_stage::Halted;

use crate::world::{Scene, World};

/// The name under which the gateway enters that the tester plays.
const ELSEWHERE: &str = "other gateway";

/// Where the account of a device says where its gateway is.
const ADDRESS: &str = "./DMAcc/1/AppAddr/1/Addr";

impl Scene {
    /// The device finds its gateway there from now on: its account is the same.
    async fn lead(&mut self, number: usize, to: String) -> Result<(), Halted> {
        let device = self.hidden(number, None)?;
        let uri = ADDRESS.to_owned();
        let order = Order::Set { uri, value: to };
        match self.stage.act(&device, order).await?.answer {
            Answer::Refused(why) => Err(self.inconclusive(format!("the device: {why}"))),
            Answer::Done | Answer::Fetched(_) => Ok(()),
        }
    }

    /// Another gateway, which the tester plays, has a session with the device.
    async fn go_elsewhere(&mut self, number: usize) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let Some(account) = gateway.devices.get(number).map(|known| &known.account) else {
            return Ok(());
        };
        let enrolment = Enrolment {
            device: account.device.clone(),
            client: account.proof_of_device(),
            server: account.proof_of_server(),
        };
        let base = self.stage.listen(ELSEWHERE).await?;
        let url = format!("{base}/dm");
        let seed = self.seed.derive(ELSEWHERE);
        let role = Manager::new(&account.server_id, &url, seed, vec![enrolment]);
        let shared = Arc::new(server::Shared::default());
        self.stage.enter(ELSEWHERE, role, shared);
        self.lead(number, url).await?;
        self.come_to_gateway(number, None).await?;
        self.lead(number, gateway.devices_at.clone()).await
    }
}

#[given("a device that another gateway has managed")]
async fn managed_elsewhere(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.is_new(number).await?;
    scene.go_elsewhere(number).await
}

#[given("a device that has attached here, and that another gateway has managed since")]
async fn managed_here_and_elsewhere(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.come_to_gateway(number, None).await?;
    scene.go_elsewhere(number).await
}

#[when("the device moves to another gateway, and the server has this one read something of it")]
async fn moves_away(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.go_elsewhere(number).await?;
    // Where it is now, this gateway does not reach it.
    scene.part(number).await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.read_of_devices(&[0]).await
}

#[when("the device attaches here")]
async fn moves(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.come_to_gateway(number, None).await
}
