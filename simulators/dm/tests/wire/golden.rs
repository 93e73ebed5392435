//! Octets that were computed elsewhere, and how to write them down.

/// Octets from hexadecimal digits; blanks are ignored.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    assert!(digits.len().is_multiple_of(2), "odd number of digits");
    digits
        .chunks(2)
        .map(|pair| {
            let pair = str::from_utf8(pair).expect("digits are ASCII");
            u8::from_str_radix(pair, 16).expect("digits are hexadecimal")
        })
        .collect()
}

/// Hexadecimal digits of octets, lower case.
pub(crate) fn digits(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Package 1 of a client-initiated session, 97 octets.
pub(crate) const M1: &str = "02a4016a006d6c7103312e3200017203444d2f312e32000165033100015b033100016e570368\
    7474703a2f2f732f646d000101675703494d45493a310001015a00014c03353030300001010100006b464b03310001\
    4f0331323031000101120101";

/// A server's challenge to [`M1`].
pub(crate) const CHALLENGE: &str = "02a4016a006d6c7103312e3200017203444d2f312e32000165033100015b033100016e57\
    03494d45493a31000101675703687474703a2f2f732f646d000101016b694b033100015c033100014c033000014a03\
    53796e634864720001495a000147036236340001530373796e636d6c3a617574682d6d643500015003546d39755932\
    553d0001010100004f03343031000101120101";

/// A w7 bootstrap document.
pub(crate) const W7: &str = "020b6a00c54601c600015501873600000603773700018700013800000603533100 01c6000156\
    01873400000603687474703a2f2f732f646d000101c600015701873000000603434c49454e54000187000133000006\
    00019301873200000603700001010101";
