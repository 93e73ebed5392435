//! What an actor has written, kept over its restarts.

use std::path::Path;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use twinproof_kernel::{Change, Records};

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");

/// A store.
pub enum Store {
    /// Kept as long as the stage stands. Who never restarts cannot tell it from a file.
    Memory(Records),
    /// A database file, so that a restart is a restart.
    File(Database),
}

impl Store {
    /// Closes the store and opens it again from its file, as a restart of its owner does, and
    /// returns what is in it. What was in memory goes to the file first.
    pub fn restart(&mut self, path: &Path) -> Result<Records, redb::Error> {
        if let Self::Memory(records) = self {
            let changes = std::mem::take(records)
                .into_iter()
                .map(|(key, value)| Change::Put(key, value))
                .collect();
            let mut file = Self::File(Database::create(path)?);
            file.apply(changes)?;
            *self = file;
        }
        // The file is locked as long as the database is open.
        *self = Self::Memory(Records::new());
        *self = Self::File(Database::open(path)?);
        self.records()
    }

    /// Applies all changes or none, durably.
    pub fn apply(&mut self, changes: Vec<Change>) -> Result<(), redb::Error> {
        match self {
            Self::Memory(records) => {
                for change in changes {
                    match change {
                        Change::Delete(key) => records.remove(&key),
                        Change::Put(key, value) => records.insert(key, value),
                    };
                }
                Ok(())
            }
            Self::File(database) => {
                let transaction = database.begin_write()?;
                {
                    let mut table = transaction.open_table(TABLE)?;
                    for change in changes {
                        match change {
                            Change::Delete(key) => table.remove(key.as_str())?,
                            Change::Put(key, value) => {
                                table.insert(key.as_str(), value.as_slice())?
                            }
                        };
                    }
                }
                transaction.commit()?;
                Ok(())
            }
        }
    }

    /// Everything that was written.
    pub fn records(&self) -> Result<Records, redb::Error> {
        match self {
            Self::Memory(records) => Ok(records.clone()),
            Self::File(database) => {
                let transaction = database.begin_read()?;
                let table = match transaction.open_table(TABLE) {
                    Ok(table) => table,
                    Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Records::new()),
                    Err(error) => return Err(error.into()),
                };
                let mut records = Records::new();
                for entry in table.iter()? {
                    let (key, value) = entry?;
                    records.insert(key.value().to_owned(), value.value().to_vec());
                }
                Ok(records)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use twinproof_kernel::{Change, Records};

    use super::Store;

    #[test]
    fn a_restart_finds_in_the_file_what_was_written_before() {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("store.redb");
        let put = |key: &str| Change::Put(key.to_owned(), b"v".to_vec());
        let mut store = Store::Memory(Records::new());
        store.apply(vec![put("a"), put("b")]).unwrap();
        assert_eq!(store.restart(&path).unwrap().len(), 2);
        store
            .apply(vec![Change::Delete("a".to_owned()), put("c")])
            .unwrap();
        let records = store.restart(&path).unwrap();
        assert_eq!(records.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(records, store.records().unwrap());
    }
}
