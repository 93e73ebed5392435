//! New feature files have to be built in, too: the macro that does it only notices changed ones.
#![expect(clippy::print_stdout, reason = "this is how a build script speaks")]

fn main() {
    println!("cargo:rerun-if-changed=../../features");
}
