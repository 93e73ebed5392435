//! The numbers of the message layer (RFC 7252 §4.8), all of which a test may want otherwise.

use std::time::Duration;

use crate::{OptionNumber, option};

/// What the endpoints of a run have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Least time before the first retransmission.
    pub ack_timeout: Duration,
    /// The first retransmission comes at most this many times `ack_timeout` after the message.
    pub ack_random_factor: f64,
    /// Each gap between repetitions is that many times as long as the one before (RFC 7252 §4.2: twice).
    pub growth: u32,
    /// How often a confirmable message is repeated.
    pub max_retransmit: u32,
    /// How many confirmable messages to one peer may be unacknowledged; the others wait.
    pub nstart: u32,
    /// How long a datagram can be under way.
    pub max_latency: Duration,
    /// How long a peer takes to acknowledge.
    pub processing_delay: Duration,
    /// How long to wait for a response after the request, or after its last block.
    pub response_wait: Duration,
    /// How long the answer to a confirmable request may take before the request is acknowledged
    /// without it.
    pub acknowledge_after: Duration,
    /// Whether responses that come after the acknowledgement are confirmable.
    pub confirm_separate: bool,
    /// How many bytes tokens have, 0 to 8.
    pub token_length: u8,
    /// The largest block that we send and ask for, in bytes: a power of two from 16 to 1024.
    pub block_size: usize,
    /// The largest body that we put together, in bytes.
    pub max_body: usize,
    /// How long an observation may go without a confirmable notification (RFC 7641 §4.5).
    pub confirm_after: Duration,
    /// The critical options that are understood.
    pub known: Vec<OptionNumber>,
}

impl Default for Parameters {
    /// The defaults of RFC 7252, and our own where it leaves the choice.
    fn default() -> Self {
        Self {
            ack_timeout: Duration::from_secs(2),
            ack_random_factor: 1.5,
            growth: 2,
            max_retransmit: 4,
            nstart: 1,
            max_latency: Duration::from_secs(100),
            processing_delay: Duration::from_secs(2),
            response_wait: Duration::from_secs(247),
            acknowledge_after: Duration::from_secs(1),
            confirm_separate: true,
            token_length: 4,
            block_size: 1024,
            max_body: 16 << 20,
            confirm_after: Duration::from_secs(24 * 60 * 60),
            known: vec![
                option::IF_MATCH,
                option::URI_HOST,
                option::IF_NONE_MATCH,
                option::URI_PORT,
                option::URI_PATH,
                option::URI_QUERY,
                option::ACCEPT,
                option::BLOCK2,
                option::BLOCK1,
            ],
        }
    }
}

impl Parameters {
    /// From the first transmission of a confirmable message to its last.
    pub fn max_transmit_span(&self) -> Duration {
        self.backoff(self.max_retransmit)
    }

    /// From the first transmission of a confirmable message to giving up.
    pub fn max_transmit_wait(&self) -> Duration {
        self.backoff(self.max_retransmit + 1)
    }

    /// How long a confirmable message's id must not be used again, and a copy may still come.
    pub fn exchange_lifetime(&self) -> Duration {
        self.max_transmit_span() + 2 * self.max_latency + self.processing_delay
    }

    /// The same for a non-confirmable message.
    pub fn non_lifetime(&self) -> Duration {
        self.max_transmit_span() + self.max_latency
    }

    fn backoff(&self, times: u32) -> Duration {
        let mut gap = 1.0;
        let mut gaps = 0.0;
        for _ in 0..times {
            gaps += gap;
            gap *= f64::from(self.growth);
        }
        self.ack_timeout.mul_f64(self.ack_random_factor * gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derived_times_are_those_of_the_standard() {
        let parameters = Parameters::default();
        let seconds = [
            parameters.max_transmit_span(),
            parameters.max_transmit_wait(),
            parameters.exchange_lifetime(),
            parameters.non_lifetime(),
        ];
        assert_eq!(
            seconds.map(|time| time.as_secs_f64()),
            [45.0, 93.0, 247.0, 145.0]
        );
    }
}
