//! What a server asks the user in a session.

use cucumber::{given, then, when};
use twinproof_dm::client::Reply;
use twinproof_dm::upper::Act;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_stage::Halted;

use crate::world::{Scene, World};

/// What the user is asked.
const QUESTION: &str = "Twinproof asks: shall the settings be renewed?";

/// What the user is told.
const NEWS: &str = "Twinproof says: the settings are renewed.";

/// What the user enters.
const ENTERED: &str = "an answer";

/// What the user can choose from.
const CHOICES: [&str; 3] = ["red", "green", "blue"];

/// What a client says that has no user, or does not ask it this.
const LACKS: u16 = 406;

impl Scene {
    async fn wants_to_ask(
        &mut self,
        code: u16,
        text: &str,
        choices: &[&str],
    ) -> Result<(), Halted> {
        self.wants_to_ask_with("MINDT=1", code, text, choices).await
    }

    /// The same, with these options.
    async fn wants_to_ask_with(
        &mut self,
        options: &str,
        code: u16,
        text: &str,
        choices: &[&str],
    ) -> Result<(), Halted> {
        let texts = std::iter::once(text).chain(choices.iter().copied());
        self.wants(Act::Alert {
            code,
            options: options.to_owned(),
            texts: texts.map(str::to_owned).collect(),
        })
        .await
    }

    /// Has the client begin a session, in which the user says this, if anything, once the question is there.
    async fn answers(&mut self, reply: Option<Reply>) -> Result<(), Halted> {
        let client = self.dm_client()?;
        let after = self.stage.recorded();
        self.dm_served()?.session.after = after;
        self.stage.start_dm(&client.account.server_id).await?;
        let patience = client.patience.duration();
        let (came, _) = self.stage.user_sees(QUESTION, patience).await?;
        if let (true, Some(reply)) = (came, reply) {
            self.stage.user_says(reply).await?;
        }
        self.dm_one_more().await
    }

    fn check_alert(&mut self, code: u16) -> Result<(), Halted> {
        self.check_told_or("Alert", None, &[code], &[LACKS])
    }

    fn check_entered(&mut self, values: &[&str]) -> Result<(), Halted> {
        self.check_dm_client(|session| Client::Entered {
            session,
            values: values.iter().copied().map(str::to_owned).collect(),
        })
    }
}

#[given("the server wants to tell the user something")]
async fn tells(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_to_ask(1100, NEWS, &[]).await
}

#[given("the server wants the user to agree to something")]
async fn confirms(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_to_ask(1101, QUESTION, &[]).await
}

#[given("the server wants the user to enter something")]
async fn enters(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_to_ask(1102, QUESTION, &[]).await
}

#[given("the server wants the user to choose one of three")]
async fn chooses(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_to_ask(1103, QUESTION, &CHOICES).await
}

#[given("the server wants the user to choose some of three")]
async fn chooses_some(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_to_ask(1104, QUESTION, &CHOICES).await
}

/// No is taken for an answer that does not come in time.
#[given("the server wants the user to agree to something soon")]
async fn confirms_soon(world: &mut World) -> Result<(), Halted> {
    let options = "MINDT=1&MAXDT=2&DR=0";
    let scene = world.scene();
    scene.wants_to_ask_with(options, 1101, QUESTION, &[]).await
}

#[when("the client begins a session in which the user says nothing")]
async fn says_nothing(world: &mut World) -> Result<(), Halted> {
    world.scene().answers(None).await
}

#[when("the client begins a session in which the user chooses the first and the third")]
async fn chose_some(world: &mut World) -> Result<(), Halted> {
    world.scene().answers(Some(Reply::Chosen(vec![1, 3]))).await
}

#[then("the client says that the time was over, or what it was to take for the answer")]
fn said_timeout(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.check_told_or("Alert", None, &[304, 408], &[LACKS])
}

#[then("the client says both that the user chose")]
fn said_choices(world: &mut World) -> Result<(), Halted> {
    world.scene().check_alert(200)?;
    world.scene().check_entered(&["1", "3"])
}

#[when("the client begins a session in which the user agrees")]
async fn agrees(world: &mut World) -> Result<(), Halted> {
    world.scene().answers(Some(Reply::Yes)).await
}

#[when("the client begins a session in which the user disagrees")]
async fn disagrees(world: &mut World) -> Result<(), Halted> {
    world.scene().answers(Some(Reply::No)).await
}

#[when("the client begins a session in which the user cancels")]
async fn cancels(world: &mut World) -> Result<(), Halted> {
    world.scene().answers(Some(Reply::Cancel)).await
}

#[when("the client begins a session in which the user enters it")]
async fn entered(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .answers(Some(Reply::Text(ENTERED.to_owned())))
        .await
}

#[when("the client begins a session in which the user chooses the second")]
async fn chose(world: &mut World) -> Result<(), Halted> {
    world.scene().answers(Some(Reply::Chosen(vec![2]))).await
}

#[then("the client says that it was told")]
fn said_told(world: &mut World) -> Result<(), Halted> {
    world.scene().check_alert(200)
}

#[then("the client says that the user agreed")]
fn said_yes(world: &mut World) -> Result<(), Halted> {
    world.scene().check_alert(200)
}

#[then("the client says that the user disagreed")]
fn said_no(world: &mut World) -> Result<(), Halted> {
    world.scene().check_alert(304)
}

#[then("the client says that the user cancelled")]
fn said_cancel(world: &mut World) -> Result<(), Halted> {
    world.scene().check_alert(214)
}

#[then("the client says what the user entered")]
fn said_text(world: &mut World) -> Result<(), Halted> {
    world.scene().check_alert(200)?;
    world.scene().check_entered(&[ENTERED])
}

#[then("the client says what the user chose")]
fn said_choice(world: &mut World) -> Result<(), Halted> {
    world.scene().check_alert(200)?;
    world.scene().check_entered(&["2"])
}
