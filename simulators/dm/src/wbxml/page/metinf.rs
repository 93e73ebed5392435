//! MetInf 1.2, code page 1, as peers use it ([`Basis::Peer`](crate::Basis::Peer)).

use super::CodePage;
use crate::document::namespace;

/// The tags of this page.
pub static PAGE: CodePage = CodePage {
    number: 1,
    namespace: namespace::METINF,
    tags: &[
        (0x05, "Anchor"),
        (0x06, "EMI"),
        (0x07, "Format"),
        (0x08, "FreeID"),
        (0x09, "FreeMem"),
        (0x0A, "Last"),
        (0x0B, "Mark"),
        (0x0C, "MaxMsgSize"),
        (0x0D, "Mem"),
        (0x0E, "MetInf"),
        (0x0F, "Next"),
        (0x10, "NextNonce"),
        (0x11, "SharedMem"),
        (0x12, "Size"),
        (0x13, "Type"),
        (0x14, "Version"),
        (0x15, "MaxObjSize"),
        (0x16, "FieldLevel"),
    ],
};
