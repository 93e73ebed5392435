//! Turns that scenarios take: those of one run, and those of all runs that judge one system.
//!
//! Who restarts a system or moves its clock does so to everybody. Scenarios that leave the system as it
//! is pass together, those that do not pass alone. Runs whose profiles name the same file keep out of
//! each other's way as well: the operating system ends the locks of a process that has ended, however it
//! did.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::Instant;

/// How often a lock that others have is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Whoever waits longer is told what for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where turns are taken. Clones are the same run.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// First among the scenarios of this run: who then waits at the files waits for another run.
    own: Arc<RwLock<()>>,
    shared: Option<Files>,
}

/// The files by which runs keep out of each other's way.
#[derive(Clone, Debug)]
struct Files {
    /// Held by everybody who is under way: shared by those who pass together, whole by who passes alone.
    room: PathBuf,
    /// Held on the way in, so that who waits to be alone is not overtaken for ever.
    door: PathBuf,
}

/// A turn. It is given back when this is dropped, or when the process ends.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    /// How long another run had the system meanwhile; none if nobody had to be waited for.
    pub waited: Option<Duration>,
    // Given back in this order.
    #[expect(dead_code, reason = "held, and unlocked when it is closed")]
    room: Option<File>,
    #[expect(dead_code, reason = "held, and given back when it is dropped")]
    own: Own,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held, and given back when it is dropped")]
enum Own {
    Alone(OwnedRwLockWriteGuard<()>),
    Together(OwnedRwLockReadGuard<()>),
}

impl Turns {
    /// Turns that the scenarios of one run take, and all runs whose turns are at this file. It and one
    /// beside it are made if they are not there.
    ///
    /// # Errors
    ///
    /// They cannot be made or written; the words name the file.
    pub fn at(path: &Path) -> Result<Self, String> {
        let mut door = OsString::from(path);
        door.push(".door");
        let files = Files {
            room: path.to_owned(),
            door: door.into(),
        };
        open(&files.room)?;
        open(&files.door)?;
        Ok(Self {
            own: Arc::default(),
            shared: Some(files),
        })
    }

    /// Waits for a turn: alone, or together with all others who do not want to be alone. There is none
    /// when `stop` is set while another run has the system. `on_wait` is told what is waited for if that
    /// takes long.
    ///
    /// # Errors
    ///
    /// The files cannot be locked; the words name the file.
    pub async fn take(
        &self,
        alone: bool,
        stop: &AtomicBool,
        on_wait: impl Fn(&str),
    ) -> Result<Option<Turn>, String> {
        let own = Arc::clone(&self.own);
        let own = match alone {
            true => Own::Alone(own.write_owned().await),
            false => Own::Together(own.read_owned().await),
        };
        let Some(files) = &self.shared else {
            return Ok(Some(Turn {
                waited: None,
                room: None,
                own,
            }));
        };
        let mut wait = Wait {
            room: &files.room,
            since: None,
            on_wait: Some(on_wait),
        };
        let Some(door) = lock(&files.door, true, stop, &mut wait).await? else {
            return Ok(None);
        };
        let room = lock(&files.room, alone, stop, &mut wait).await?;
        drop(door);
        Ok(room.map(|room| Turn {
            waited: wait.since.map(|since| since.elapsed()),
            room: Some(room),
            own,
        }))
    }
}

/// A wait for another run.
struct Wait<'a, F> {
    room: &'a Path,
    since: Option<Instant>,
    /// Told once.
    on_wait: Option<F>,
}

impl<F: Fn(&str)> Wait<'_, F> {
    async fn pause(&mut self) {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= PATIENCE
            && let Some(on_wait) = self.on_wait.take()
        {
            on_wait(&format!(
                "waiting for another run that has the system (harness.lock: {})",
                self.room.display()
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn fail(path: &Path, error: impl std::fmt::Display) -> String {
    let path = path.display();
    format!("harness.lock: expected a file that can be written and locked, got {path}: {error}")
}

fn open(path: &Path) -> Result<File, String> {
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(path);
    opened.map_err(|error| fail(path, error))
}

async fn lock(
    path: &Path,
    whole: bool,
    stop: &AtomicBool,
    wait: &mut Wait<'_, impl Fn(&str)>,
) -> Result<Option<File>, String> {
    // Opened anew: a lock belongs to the opening, and so tells scenarios of one run apart as well.
    let file = open(path)?;
    loop {
        let tried = match whole {
            true => file.try_lock(),
            false => file.try_lock_shared(),
        };
        match tried {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => return Ok(None),
            Err(TryLockError::WouldBlock) => wait.pause().await,
            Err(TryLockError::Error(error)) => return Err(fail(path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

    use super::{PATIENCE, Turns};

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn unheard(_: &str) {}

    /// A system whose turns are taken by two runs.
    fn two_runs() -> (tempfile::TempDir, [Turns; 2]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sut.lock");
        let runs = [Turns::at(&path).unwrap(), Turns::at(&path).unwrap()];
        (dir, runs)
    }

    async fn all_come_to_their_turn(runs: &[Turns]) {
        // How many are under way; somebody alone counts as minus one.
        let under_way = Arc::new(AtomicI32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..40 {
            let (turns, under_way) = (runs[n % runs.len()].clone(), Arc::clone(&under_way));
            tasks.spawn(async move {
                let alone = n % 5 == 0;
                let _turn = turns.take(alone, &GO_ON, unheard).await.unwrap().unwrap();
                let before = under_way.fetch_add(if alone { -1 } else { 1 }, Ordering::SeqCst);
                assert!(if alone { before == 0 } else { before >= 0 }, "{before}");
                tokio::task::yield_now().await;
                under_way.fetch_add(if alone { 1 } else { -1 }, Ordering::SeqCst);
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }

    #[tokio::test]
    async fn who_is_alone_is_alone_and_all_come_to_their_turn() {
        all_come_to_their_turn(&[Turns::default()]).await;
        let (_dir, runs) = two_runs();
        all_come_to_their_turn(&runs[..1]).await;
        all_come_to_their_turn(&runs).await;
    }

    async fn nobody_is_overtaken(first: &Turns, other: &Turns) {
        let before = first.take(false, &GO_ON, unheard).await.unwrap().unwrap();
        let mut alone = Box::pin(other.take(true, &GO_ON, unheard));
        assert!(futures::poll!(alone.as_mut()).is_pending());
        let mut late = Box::pin(first.take(false, &GO_ON, unheard));
        assert!(futures::poll!(late.as_mut()).is_pending());
        drop(before);
        let whole = alone.await.unwrap().unwrap();
        assert!(futures::poll!(late.as_mut()).is_pending());
        drop(whole);
        assert!(late.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn who_waits_to_be_alone_is_not_overtaken() {
        let own = Turns::default();
        nobody_is_overtaken(&own, &own).await;
        let (_dir, [one, other]) = two_runs();
        nobody_is_overtaken(&one, &one).await;
        nobody_is_overtaken(&one, &other).await;
    }

    #[tokio::test]
    async fn who_is_stopped_does_not_wait() {
        let (_dir, [one, other]) = two_runs();
        let _first = one.take(true, &GO_ON, unheard).await.unwrap().unwrap();
        let stop = AtomicBool::new(true);
        assert!(other.take(false, &stop, unheard).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn who_waits_long_for_another_run_is_told_once_what_for() {
        let (_dir, [one, other]) = two_runs();
        let first = one.take(true, &GO_ON, unheard).await.unwrap().unwrap();
        assert_eq!(first.waited, None);
        let told = std::sync::Mutex::new(Vec::new());
        let told_now = tokio::sync::Notify::new();
        let tell = |what: &str| {
            told.lock().unwrap().push(what.to_owned());
            told_now.notify_one();
        };
        let late = other.take(false, &GO_ON, tell);
        let give_back = async {
            told_now.notified().await;
            // Long enough for a second time, were there one.
            tokio::time::sleep(super::PAUSE * 4).await;
            drop(first);
        };
        let (late, ()) = tokio::join!(late, give_back);
        let waited = late.unwrap().unwrap().waited;
        assert!(
            waited.is_some_and(|waited| waited >= PATIENCE),
            "{waited:?}"
        );
        let told = told.into_inner().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("sut.lock"), "{told:?}");
    }

    #[tokio::test]
    async fn who_waits_for_its_own_run_waits_for_no_other() {
        let (_dir, [one, _]) = two_runs();
        let first = one.take(true, &GO_ON, unheard).await.unwrap().unwrap();
        let mut late = Box::pin(one.take(false, &GO_ON, unheard));
        assert!(futures::poll!(late.as_mut()).is_pending());
        drop(first);
        assert_eq!(late.await.unwrap().unwrap().waited, None);
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let why = Turns::at(Path::new("/no/such/folder/sut.lock")).unwrap_err();
        assert!(
            why.starts_with("harness.lock: ") && why.contains("/no/such/folder/sut.lock"),
            "{why}"
        );
    }
}
