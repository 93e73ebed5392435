#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| twinproof_fuzz::dm::provisioning(octets));
