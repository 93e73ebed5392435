//! The protocol between a Locust master and its workers: MessagePack over ZeroMQ, as Locust 2 speaks it.

use std::str::FromStr as _;
use std::time::Duration;

use rmpv::Value;
use zeromq::util::PeerIdentity;
use zeromq::{
    DealerRecvHalf, DealerSendHalf, DealerSocket, Socket as _, SocketOptions, SocketRecv as _,
    SocketSend as _, ZmqMessage,
};

/// The version of Locust whose protocol this is. A master of another one warns of it, and goes on.
pub(super) const VERSION: &str = "2.47.0";

/// How long one attempt to reach the master takes.
const ATTEMPT: Duration = Duration::from_secs(5);

/// What a master says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// It knows the worker, as the one with this number.
    Ack(Option<u32>),
    /// It is there.
    Heartbeat,
    /// What is not meant for devices.
    Other,
    /// The worker is to end.
    Quit,
    /// The worker is to connect anew.
    Reconnect,
    /// So many users of each class are to be there; what has an older time is void.
    Spawn {
        /// When it said so, in seconds since 1970.
        timestamp: f64,
        /// How many of each class.
        classes: Vec<(String, u64)>,
    },
    /// The run is over.
    Stop,
}

/// What a message of the master says.
///
/// # Errors
///
/// When it is none; says what was expected.
pub(super) fn read(bytes: &[u8]) -> Result<Said, String> {
    let value = rmpv::decode::read_value(&mut &bytes[..]).map_err(|why| why.to_string())?;
    let parts = value.as_array().map(Vec::as_slice);
    let Some([kind, data, ..]) = parts else {
        return Err(format!("expected [type, data, worker], got {value}"));
    };
    Ok(match kind.as_str() {
        Some("ack") => {
            let index = field(data, "index").and_then(Value::as_u64);
            Said::Ack(index.and_then(|index| u32::try_from(index).ok()))
        }
        Some("heartbeat") => Said::Heartbeat,
        Some("quit") => Said::Quit,
        Some("reconnect") => Said::Reconnect,
        Some("spawn") => {
            let timestamp = field(data, "timestamp").and_then(Value::as_f64);
            let classes = field(data, "user_classes_count").and_then(Value::as_map);
            let (Some(timestamp), Some(classes)) = (timestamp, classes) else {
                return Err(format!(
                    "expected spawn with a timestamp and user_classes_count, got {data}"
                ));
            };
            let classes = classes
                .iter()
                .filter_map(|(name, count)| Some((name.as_str()?.to_owned(), count.as_u64()?)));
            Said::Spawn {
                timestamp,
                classes: classes.collect(),
            }
        }
        Some("stop") => Said::Stop,
        Some(_) => Said::Other,
        None => return Err(format!("expected the name of a message, got {kind}")),
    })
}

fn field<'v>(map: &'v Value, name: &str) -> Option<&'v Value> {
    let mut fields = map.as_map()?.iter();
    fields
        .find(|(key, _)| key.as_str() == Some(name))
        .map(|(_, value)| value)
}

/// A map with these fields.
pub(super) fn map<'n>(fields: impl IntoIterator<Item = (&'n str, Value)>) -> Value {
    let fields = fields.into_iter();
    Value::Map(fields.map(|(name, value)| (name.into(), value)).collect())
}

/// How many users there are of each class.
pub(super) fn counts(classes: &[(String, u64)]) -> Value {
    let each = classes.iter();
    Value::Map(
        each.map(|(name, count)| (name.as_str().into(), (*count).into()))
            .collect(),
    )
}

/// A connection with a master.
pub(super) struct Wire {
    /// What the master calls this worker.
    id: String,
    endpoint: String,
    ends: (DealerSendHalf, DealerRecvHalf),
}

impl Wire {
    /// Connects with the master there.
    ///
    /// # Errors
    ///
    /// When it cannot be reached for some seconds.
    pub(super) async fn open(host: &str, id: String) -> Result<Self, String> {
        let endpoint = format!("tcp://{host}");
        Ok(Self {
            ends: connected(&endpoint, &id).await?,
            id,
            endpoint,
        })
    }

    /// Connects anew, under the same name.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(super) async fn reopen(&mut self) -> Result<(), String> {
        self.ends = connected(&self.endpoint, &self.id).await?;
        Ok(())
    }

    /// Says something to the master.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub(super) async fn say(&mut self, kind: &str, data: Value) -> Result<(), String> {
        let message = Value::Array(vec![kind.into(), data, self.id.as_str().into()]);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &message).map_err(|why| why.to_string())?;
        let sent = self.ends.0.send(ZmqMessage::from(bytes)).await;
        sent.map_err(|why| why.to_string())
    }

    /// The next that the master says. Nothing is lost if nobody waits for it to the end.
    ///
    /// # Errors
    ///
    /// When the connection is gone, or what comes is no message.
    pub(super) async fn hear(&mut self) -> Result<Said, String> {
        let message = self.ends.1.recv().await.map_err(|why| why.to_string())?;
        let frame = message.get(0).map(|frame| frame.as_ref());
        read(frame.unwrap_or_default())
    }
}

async fn connected(endpoint: &str, id: &str) -> Result<(DealerSendHalf, DealerRecvHalf), String> {
    let identity = PeerIdentity::from_str(id).map_err(|why| why.to_string())?;
    let mut options = SocketOptions::default();
    options.peer_identity(identity).connect_timeout(ATTEMPT);
    let mut socket = DealerSocket::with_options(options);
    socket
        .connect(endpoint)
        .await
        .map_err(|why| why.to_string())?;
    Ok(socket.split())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(kind: &str, data: Value) -> Vec<u8> {
        let message = Value::Array(vec![kind.into(), data, "worker".into()]);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &message).unwrap();
        bytes
    }

    #[test]
    fn what_a_master_says_is_read() {
        let index = map([("index", 3.into())]);
        assert_eq!(read(&packed("ack", index)), Ok(Said::Ack(Some(3))));
        assert_eq!(read(&packed("ack", Value::Nil)), Ok(Said::Ack(None)));
        let classes = vec![("Device".to_owned(), 12)];
        let spawn = map([
            ("timestamp", 1_700_000_000.5.into()),
            ("user_classes_count", counts(&classes)),
            ("host", Value::Nil),
        ]);
        let timestamp = 1_700_000_000.5;
        assert_eq!(
            read(&packed("spawn", spawn)),
            Ok(Said::Spawn { timestamp, classes })
        );
        for (kind, said) in [
            ("heartbeat", Said::Heartbeat),
            ("quit", Said::Quit),
            ("reconnect", Said::Reconnect),
            ("stop", Said::Stop),
            ("spawning_complete", Said::Other),
        ] {
            assert_eq!(read(&packed(kind, Value::Nil)), Ok(said));
        }
    }

    #[test]
    fn what_is_no_message_is_named() {
        for bytes in [&[][..], &[0xc1], &[0x90], &[0x92, 1, 2]] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        let why = read(&packed("spawn", map([]))).unwrap_err();
        assert!(why.contains("timestamp"), "{why}");
    }
}
