//! Other operators.

/// Where a code comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CodeSource {
    /// The enabler itself.
    Own,
    /// The operator that the secondary names.
    Partner,
    /// Nowhere: the request is refused.
    Refused,
}

/// What a secondary says of the primary's operator.
#[derive(Clone, Copy, Debug)]
pub struct SourceFacts<'a> {
    /// The operator that it names.
    pub named: Option<&'a str>,
    /// The enabler's own.
    pub own: &'a str,
    /// The named one is a partner.
    pub partner: bool,
}

/// A partner that did not do what it was asked.
#[derive(Clone, Copy, Debug)]
pub struct FailureFacts {
    /// The status of its answer, if there was one.
    pub status: Option<u16>,
}

/// A change of a relationship whose other side is at a partner.
#[derive(Clone, Copy, Debug)]
pub struct PropagationFacts {
    /// The partner made it.
    pub by_partner: bool,
    /// Something is other than before.
    pub effective: bool,
    /// The twinning is shared with a partner.
    pub shared: bool,
}

/// A partner that asks for something.
#[derive(Clone, Copy, Debug)]
pub struct PartnerFacts {
    /// It names no twinning: it asks for a code or uses one.
    pub creates: bool,
    /// The twinning that it names is of a relationship that it shares.
    pub shares: bool,
}

/// What is said to a partner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PartnerMessage {
    /// A primary of ours uses a code of the partner's.
    Activation,
    /// A secondary of ours wants a code of the partner's.
    CodeRequest,
    /// The data of an activation.
    Introduction,
    /// A relationship has ended.
    Parting,
    /// A status has changed.
    Toggle,
}
