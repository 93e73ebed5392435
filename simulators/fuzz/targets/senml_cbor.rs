#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| twinproof_fuzz::lwm2m::senml_cbor(octets));
