use std::io::Write;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::{BAR, Style};

/// What a person sees while a run goes on: bars on a terminal, a line at every tenth elsewhere.
///
/// It counts what has ended. Verdicts are not known before the record is read back.
pub struct Progress {
    enablers: Mutex<Vec<Enabler>>,
    out: Mutex<Box<dyn Write + Send>>,
    bars: Option<MultiProgress>,
}

struct Enabler {
    name: String,
    total: usize,
    ended: usize,
    bar: ProgressBar,
}

impl Progress {
    /// Progress of a run of these scenarios. Bars go to the process's standard error when `live`;
    /// otherwise lines go to `out`.
    pub fn new<'a>(
        scenarios: impl IntoIterator<Item = &'a str>,
        style: Style,
        live: bool,
        out: Box<dyn Write + Send>,
    ) -> Self {
        let mut enablers: Vec<Enabler> = Vec::new();
        for id in scenarios {
            let name = id.split('/').next().unwrap_or(id);
            match enablers.iter_mut().find(|enabler| enabler.name == name) {
                Some(enabler) => enabler.total += 1,
                None => enablers.push(Enabler {
                    name: name.to_owned(),
                    total: 1,
                    ended: 0,
                    bar: ProgressBar::hidden(),
                }),
            }
        }
        let bars =
            live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        if let Some(bars) = &bars {
            let widest = enablers.iter().map(|e| e.name.len()).max().unwrap_or(0);
            let colour = if style.colour { ".green/238" } else { "" };
            let template =
                format!("{{prefix:{widest}}} {{bar:{BAR}{colour}}} {{pos}}/{{len}}  {{elapsed}}");
            let look = ProgressStyle::with_template(&template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("██░");
            for enabler in &mut enablers {
                let bar = ProgressBar::new(enabler.total as u64).with_style(look.clone());
                enabler.bar = bars.add(bar.with_prefix(enabler.name.clone()));
                enabler.bar.tick();
            }
        }
        Self {
            enablers: Mutex::new(enablers),
            out: Mutex::new(out),
            bars,
        }
    }

    /// A scenario has ended. One that was not announced changes nothing.
    pub fn scene_ended(&self, id: &str) {
        let name = id.split('/').next().unwrap_or(id);
        let mut enablers = self.enablers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(enabler) = enablers.iter_mut().find(|enabler| enabler.name == name) else {
            return;
        };
        let tenths = |n: usize| n * 10 / enabler.total;
        let before = tenths(enabler.ended);
        // An attempt that is made again ends again.
        enabler.ended = (enabler.ended + 1).min(enabler.total);
        enabler.bar.set_position(enabler.ended as u64);
        if self.bars.is_none() && tenths(enabler.ended) > before {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // Progress that nobody can read is no reason to end a run.
            let _ = writeln!(out, "{name} {}/{}", enabler.ended, enabler.total);
        }
    }

    /// Says in a line of its own why nothing ends for a while.
    pub fn waits(&self, what: &str) {
        match &self.bars {
            // As above: what nobody can read is no reason to end a run.
            Some(bars) => drop(bars.println(what)),
            None => {
                let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
                drop(writeln!(out, "{what}"));
            }
        }
    }

    /// Removes the bars, so that the report can take their place.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            let enablers = self.enablers.lock().unwrap_or_else(PoisonError::into_inner);
            enablers
                .iter()
                .for_each(|enabler| enabler.bar.finish_and_clear());
            let _ = bars.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::Progress;
    use crate::terminal::Style;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pipe_gets_a_line_at_every_tenth() {
        let ids: Vec<String> = (0..30).map(|n| format!("twinning/enabler/{n}")).collect();
        let all = ids.iter().map(String::as_str).chain(["dm/alert/one"]);
        let out = Shared::default();
        let style = Style {
            colour: false,
            width: 80,
        };
        let progress = Progress::new(all.clone(), style, false, Box::new(out.clone()));
        all.for_each(|id| progress.scene_ended(id));
        progress.scene_ended("dm/alert/one");
        progress.scene_ended("unknown/scenario");
        progress.waits("waiting");
        progress.finish();
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 12, "{text}");
        assert_eq!(lines[0], "twinning 3/30");
        assert_eq!(lines[9..], ["twinning 30/30", "dm 1/1", "waiting"]);
    }
}
