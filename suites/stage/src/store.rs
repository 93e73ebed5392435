//! What an actor has written, kept over its restarts.

use std::path::Path;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use twinproof_kernel::{Change, Records};

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");

/// A store.
pub enum Store {
    /// Kept as long as the stage stands.
    Memory(Records),
    /// A database file, so that a restart is a restart.
    File(Database),
}

impl Store {
    /// Opens or creates a database file.
    pub fn open(path: &Path) -> Result<Self, redb::Error> {
        Ok(Self::File(Database::create(path)?))
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
