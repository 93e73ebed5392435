//! A chart as a picture that needs no script.

use maud::{Markup, html};

/// The colours of the style sheet that tell lines apart; where there are more lines, they come again.
const COLOURS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// The size of a chart and what lies around its area, in its own units.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// How numbers lie on an axis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scale {
    Linear,
    /// Each power of ten as far from the next as any other.
    Powers,
}

/// An axis: from where to where, what is written at it, and where.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    pub(super) marks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to the least round number that is not below `most`.
    pub(super) fn linear(most: f64, says: impl Fn(f64) -> String) -> Self {
        let step = step(most / 4.0);
        let count = (most / step).ceil().max(1.0) as u32;
        let marks = (0..=count).map(|number| f64::from(number) * step);
        Self {
            scale: Scale::Linear,
            from: 0.0,
            to: f64::from(count) * step,
            marks: marks.map(|at| (at, says(at))).collect(),
        }
    }

    /// From a power of ten to another, with all of these between them.
    pub(super) fn powers(values: impl Iterator<Item = f64>, says: impl Fn(f64) -> String) -> Self {
        let (least, most) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        let (from, to) = match least.is_finite() {
            true => (least.log10().floor() as i32, most.log10().ceil() as i32),
            false => (0, 1),
        };
        let to = to.max(from + 1);
        Self {
            scale: Scale::Powers,
            from: 10_f64.powi(from),
            to: 10_f64.powi(to),
            marks: (from..=to)
                .map(|power| 10_f64.powi(power))
                .map(|at| (at, says(at)))
                .collect(),
        }
    }

    /// Which share of the axis lies before a number.
    fn place(&self, at: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (at - self.from) / (self.to - self.from),
            Scale::Powers => (at.max(self.from) / self.from).ln() / (self.to / self.from).ln(),
        };
        share.clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, and not below this.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-9).log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|times| times * power >= least * (1.0 - 1e-9));
    times.unwrap_or(10.0) * power
}

/// A line: its name, and its points; where one is missing, it is interrupted.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// Lines over the same axes. `shaded` are pieces of the horizontal one, with the class that says why.
pub(super) fn chart(
    says: &str,
    (across, up): (&Axis, &Axis),
    lines: &[Line],
    shaded: &[(f64, f64, &str)],
) -> Markup {
    let x = |at: f64| LEFT + across.place(at) * (WIDTH - LEFT - RIGHT);
    let y = |at: f64| HEIGHT - BOTTOM - up.place(at) * (HEIGHT - TOP - BOTTOM);
    let colour = |number: usize| COLOURS[number % COLOURS.len()];
    html! {
        figure {
            figcaption { (says) }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(says) {
                @for (from, to, class) in shaded {
                    rect.(class) x=(short(x(*from))) y=(short(TOP)) width=(short((x(*to) - x(*from)).max(1.0)))
                        height=(short(HEIGHT - TOP - BOTTOM)) {}
                }
                @for (at, text) in &up.marks {
                    line.grid x1=(short(LEFT)) x2=(short(WIDTH - RIGHT)) y1=(short(y(*at))) y2=(short(y(*at))) {}
                    text x=(short(LEFT - 6.0)) y=(short(y(*at) + 4.0)) text-anchor="end" { (text) }
                }
                @for (at, text) in &across.marks {
                    text x=(short(x(*at))) y=(short(HEIGHT - 6.0)) text-anchor="middle" { (text) }
                }
                @for (number, line) in lines.iter().enumerate() {
                    @for piece in pieces(&line.points) {
                        @if let [(at, value)] = piece.as_slice() {
                            circle.dot.(colour(number)) cx=(short(x(*at))) cy=(short(y(*value))) r="2" {}
                        } @else {
                            polyline.line.(colour(number)) points=(path(&piece, x, y)) {}
                        }
                    }
                }
            }
            ul.keys {
                @for (number, line) in lines.iter().enumerate() {
                    li { b.(colour(number)) { "━ " } (line.name) }
                }
            }
        }
    }
}

/// What lies between interruptions.
fn pieces(points: &[(f64, Option<f64>)]) -> Vec<Vec<(f64, f64)>> {
    let split = points.split(|(_, value)| value.is_none());
    let whole = split.map(|piece| {
        let there = piece
            .iter()
            .filter_map(|(at, value)| Some((*at, (*value)?)));
        there.collect::<Vec<_>>()
    });
    whole.filter(|piece| !piece.is_empty()).collect()
}

fn path(piece: &[(f64, f64)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let points = piece
        .iter()
        .map(|(at, value)| format!("{},{}", short(x(*at)), short(y(*value))));
    points.collect::<Vec<_>>().join(" ")
}

/// A place to the tenth, which nobody sees the rest of.
fn short(place: f64) -> String {
    format!("{place:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_marks_and_hold_what_they_show() {
        for (most, marks) in [
            (1.0, vec!["0", "0.5", "1"]),
            (97.0, vec!["0", "50", "100"]),
            (830.0, vec!["0", "500", "1000"]),
            (0.0, vec!["0"]),
        ] {
            let axis = Axis::linear(most, |at| at.to_string());
            let said: Vec<&str> = axis.marks.iter().map(|(_, says)| says.as_str()).collect();
            assert!(said.starts_with(&marks[..1]), "{said:?}");
            assert!(axis.to >= most && axis.marks.len() <= 6, "{said:?}");
        }
        let axis = Axis::powers([30.0, 4_000.0].into_iter(), |at| at.to_string());
        assert_eq!((axis.from, axis.to), (10.0, 10_000.0));
        assert_eq!(axis.marks.len(), 4);
        assert!((axis.place(100.0) - 1.0 / 3.0).abs() < 1e-9);
        let none = Axis::powers(std::iter::empty(), |at| at.to_string());
        assert_eq!((none.from, none.to), (1.0, 10.0));
    }

    #[test]
    fn a_line_is_interrupted_where_nothing_was_measured() {
        let line = Line {
            name: "p99".to_owned(),
            points: vec![
                (0.0, Some(1.0)),
                (1.0, Some(2.0)),
                (2.0, None),
                (3.0, Some(3.0)),
            ],
        };
        let axis = Axis::linear(4.0, |at| at.to_string());
        let drawn =
            chart("a chart", (&axis, &axis), &[line], &[(0.0, 1.0, "before")]).into_string();
        assert_eq!(drawn.matches("<polyline").count(), 1, "{drawn}");
        assert_eq!(drawn.matches("<circle").count(), 1, "{drawn}");
        // Four hundredths of the area for each unit, from its lower left corner.
        assert!(
            drawn.contains("points=\"64.0,172.0 266.0,118.0\""),
            "{drawn}"
        );
    }
}
