//! Turns that runs take which judge one system at the same time.
//!
//! Who restarts a system or moves its clock does so to everybody. Runs whose profiles name the same
//! file keep out of each other's way: those that leave the system as it is pass together, those that do
//! not pass alone. The operating system ends the locks of a process that has ended, however it did.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a lock that others have is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Where turns are taken.
#[derive(Clone, Debug)]
pub struct Turns {
    /// Held by everybody who is under way: shared by those who pass together, whole by who passes alone.
    room: PathBuf,
    /// Held on the way in, so that who waits to be alone is not overtaken for ever.
    door: PathBuf,
}

/// A turn. It is given back when this is dropped, or when the process ends.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    #[expect(dead_code, reason = "held, and unlocked when it is closed")]
    room: File,
}

impl Turns {
    /// Turns at this file and at one beside it. Both are made if they are not there.
    ///
    /// # Errors
    ///
    /// They cannot be made or written; the words name the file.
    pub fn at(path: &Path) -> Result<Self, String> {
        let mut door = OsString::from(path);
        door.push(".door");
        let turns = Self {
            room: path.to_owned(),
            door: door.into(),
        };
        open(&turns.room)?;
        open(&turns.door)?;
        Ok(turns)
    }

    /// Waits for a turn: alone, or together with all others who do not want to be alone. There is none
    /// when `stop` is set meanwhile.
    ///
    /// # Errors
    ///
    /// The files cannot be locked; the words name the file.
    pub async fn take(&self, alone: bool, stop: &AtomicBool) -> Result<Option<Turn>, String> {
        let Some(door) = lock(&self.door, true, stop).await? else {
            return Ok(None);
        };
        let room = lock(&self.room, alone, stop).await?;
        drop(door);
        Ok(room.map(|room| Turn { room }))
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

async fn lock(path: &Path, whole: bool, stop: &AtomicBool) -> Result<Option<File>, String> {
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
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(fail(path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

    use super::Turns;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    #[tokio::test]
    async fn who_is_alone_is_alone_and_all_come_to_their_turn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sut.lock");
        // How many are under way; somebody alone counts as minus one.
        let under_way = Arc::new(AtomicI32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..40 {
            let (turns, under_way) = (Turns::at(&path).unwrap(), Arc::clone(&under_way));
            tasks.spawn(async move {
                let alone = n % 5 == 0;
                let _turn = turns.take(alone, &GO_ON).await.unwrap().unwrap();
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
    async fn who_waits_to_be_alone_is_not_overtaken() {
        let dir = tempfile::tempdir().unwrap();
        let turns = Turns::at(&dir.path().join("sut.lock")).unwrap();
        let first = turns.take(false, &GO_ON).await.unwrap().unwrap();
        let mut alone = Box::pin(turns.take(true, &GO_ON));
        assert!(futures::poll!(alone.as_mut()).is_pending());
        let mut late = Box::pin(turns.take(false, &GO_ON));
        assert!(futures::poll!(late.as_mut()).is_pending());
        drop(first);
        let whole = alone.await.unwrap().unwrap();
        assert!(futures::poll!(late.as_mut()).is_pending());
        drop(whole);
        assert!(late.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn who_is_stopped_does_not_wait() {
        let dir = tempfile::tempdir().unwrap();
        let turns = Turns::at(&dir.path().join("sut.lock")).unwrap();
        let _first = turns.take(true, &GO_ON).await.unwrap().unwrap();
        let stop = AtomicBool::new(true);
        assert!(turns.take(false, &stop).await.unwrap().is_none());
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
