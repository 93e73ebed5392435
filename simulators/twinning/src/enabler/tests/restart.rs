use super::bench::{Bench, code_of, url_of};

#[test]
fn a_restart_is_invisible() {
    let mut bench = Bench::new();
    let (p, s) = bench.twin(0, 1);
    bench.toggle(0, &p, "Off");
    let pending = bench.code(2);
    let before = (bench.read(0, &p), bench.read(1, &s), bench.list(0));
    bench.restart();
    assert_eq!(
        (bench.read(0, &p), bench.read(1, &s), bench.list(0)),
        before
    );
    assert_eq!(bench.activate(0, &code_of(&pending)).status, 201);
    // No id is given twice, not even one whose twinning has ended.
    bench.call(0, "DELETE", &p, "");
    bench.restart();
    assert_ne!(url_of(&bench.code(1)), s);
}
