//! New feature files have to be built in, too: the macro that does it only notices changed ones.

fn main() {
    println!("cargo:rerun-if-changed=../../features");
}
