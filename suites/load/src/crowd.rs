//! Who takes part while somebody says from outside how many that are, and how often each does something.

use std::collections::VecDeque;
use std::time::Duration;

use twinproof_fleet::spread;
use twinproof_kernel::Seed;

use crate::flow::Flow;
use crate::workload::{Operation, Workload};

/// What somebody wants who steers a run from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Steer {
    /// So many devices take part from now on. Those that are too many leave, the highest numbers first.
    Devices {
        /// How many; all that there are if it is more.
        count: u32,
        /// How those leave that are too many.
        leaving: Leaving,
    },
    /// Nothing begins any more, and what was begun is waited for.
    Finish,
    /// Each device that takes part does so many things per second from now on.
    Rate(f64),
}

/// How devices leave.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Leaving {
    /// A device waits for what it has begun, and deregisters then.
    #[default]
    Deregister,
    /// It says and hears nothing from this moment on. What it had begun is neither answered nor lost. One that is to take part
    /// again goes on where it was, so that it may register only once it has given up what it had begun.
    Silently,
}

/// What somebody who steered wanted, and when.
#[derive(
    Clone, Copy, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Step {
    /// When, in milliseconds since the run began.
    pub at_ms: u64,
    /// How many devices take part from then on.
    pub devices: u32,
    /// How many things each of them does per second.
    pub each: f64,
}

/// How far a device is on its way in or out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Away,
    /// It is to join.
    Waiting,
    /// It registers.
    Joining,
    Present,
    /// It is to leave once it has its answers.
    Parting,
    /// It deregisters.
    Leaving,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    state: State,
    /// Neither says nor hears anything.
    is_dark: bool,
    /// How many of its operations are under way.
    open: u32,
    /// Where it stands among those that take part.
    place: u32,
}

/// What the crowd wants begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Move {
    Join,
    Leave,
    /// An operation, the one with this number, that was meant to begin then.
    Operate(u64, Duration),
}

/// Who takes part, of those who could: those with the lowest numbers.
#[derive(Debug)]
pub(crate) struct Crowd {
    members: Vec<Member>,
    present: Vec<u32>,
    wanted: u32,
    leaving: Leaving,
    /// Who joins and who deregisters next; who has changed its mind meanwhile is passed over.
    joins: VecDeque<u32>,
    leaves: VecDeque<u32>,
    joining: usize,
    /// How many are neither away nor present.
    between: usize,
    registers_first: bool,
    each: f64,
    flow: Flow,
    turns: u64,
    /// How many operations were given up because their device fell silent, and still have a place.
    gone: usize,
    is_over: bool,
    steps: Vec<Step>,
    /// How many have joined, and how many have left.
    moved: (u64, u64),
}

impl Crowd {
    /// So many who could take part and do not yet.
    pub(crate) fn new(workload: &Workload, members: u32, seed: Seed) -> Self {
        let away = Member {
            state: State::Away,
            is_dark: false,
            open: 0,
            place: 0,
        };
        Self {
            members: vec![away; members as usize],
            present: Vec::new(),
            wanted: 0,
            leaving: Leaving::default(),
            joins: VecDeque::new(),
            leaves: VecDeque::new(),
            joining: 0,
            between: 0,
            registers_first: workload.operations().any(Operation::needs_registration),
            each: 0.0,
            flow: Flow::new(workload.arrivals, seed),
            turns: 0,
            gone: 0,
            is_over: false,
            steps: Vec::new(),
            moved: (0, 0),
        }
    }

    /// How many take part.
    pub(crate) const fn present(&self) -> usize {
        self.present.len()
    }

    /// Whether everybody who is wanted and can be takes part, and nobody else.
    pub(crate) const fn is_settled(&self) -> bool {
        self.between == 0
    }

    /// How many have joined, and how many of those have left.
    pub(crate) const fn moved(&self) -> (u64, u64) {
        self.moved
    }

    /// How many operations were given up and still have a place.
    pub(crate) const fn gone(&self) -> usize {
        self.gone
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a device neither says nor hears anything.
    pub(crate) fn is_dark(&self, number: u32) -> bool {
        let member = self.members.get(number as usize);
        member.is_some_and(|member| member.is_dark)
    }

    /// Does what somebody wants. Says whether somebody fell silent.
    pub(crate) fn steer(&mut self, steer: Steer, since: Duration) -> bool {
        let mut silent = false;
        match steer {
            _ if self.is_over => return false,
            Steer::Devices { count, leaving } => {
                let count = count.min(self.members.len() as u32);
                self.leaving = leaving;
                let before = std::mem::replace(&mut self.wanted, count);
                for number in before..count {
                    self.wants_in(number);
                }
                for number in (count..before).rev() {
                    silent |= self.wants_out(number);
                }
            }
            Steer::Finish => {
                self.is_over = true;
                self.flow.change(since, 0.0);
                return false;
            }
            Steer::Rate(each) => self.each = each.max(0.0),
        }
        self.paced(since);
        self.steps.push(Step {
            at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            devices: self.wanted,
            each: self.each,
        });
        silent
    }

    fn wants_in(&mut self, number: u32) {
        match self.members[number as usize].state {
            State::Away if self.registers_first => {
                self.becomes(number, State::Waiting);
                self.joins.push_back(number);
            }
            State::Away | State::Parting => self.becomes(number, State::Present),
            // Who deregisters already joins again once that is over.
            State::Joining | State::Leaving | State::Present | State::Waiting => {}
        }
    }

    /// Says whether it fell silent.
    fn wants_out(&mut self, number: u32) -> bool {
        match (self.members[number as usize].state, self.leaving) {
            (State::Waiting, _) => self.becomes(number, State::Away),
            (State::Joining | State::Parting | State::Present, Leaving::Silently) => {
                self.becomes(number, State::Away);
                self.members[number as usize].is_dark = true;
                return true;
            }
            (State::Present, Leaving::Deregister) => self.parts(number),
            // Who joins leaves once it has.
            (State::Joining | State::Parting, Leaving::Deregister) => {}
            (State::Away | State::Leaving, _) => {}
        }
        false
    }

    fn parts(&mut self, number: u32) {
        self.becomes(number, State::Parting);
        if self.members[number as usize].open == 0 {
            self.leaves.push_back(number);
        }
    }

    fn becomes(&mut self, number: u32, state: State) {
        let between = |state| !matches!(state, State::Away | State::Present);
        let before = std::mem::replace(&mut self.members[number as usize].state, state);
        self.between = self.between + usize::from(between(state)) - usize::from(between(before));
        let joins = |state| usize::from(state == State::Joining);
        self.joining = self.joining + joins(state) - joins(before);
        match (before, state) {
            (State::Away | State::Joining, State::Present | State::Parting) => self.moved.0 += 1,
            (State::Leaving | State::Parting | State::Present, State::Away) => self.moved.1 += 1,
            _ => {}
        }
        if before == State::Present {
            let place = self.members[number as usize].place as usize;
            self.present.swap_remove(place);
            if let Some(moved) = self.present.get(place) {
                self.members[*moved as usize].place = place as u32;
            }
        }
        if state == State::Present {
            let place = self.present.len() as u32;
            let member = &mut self.members[number as usize];
            (member.place, member.is_dark) = (place, false);
            self.present.push(number);
        }
    }

    /// The rate is that of all who take part.
    fn paced(&mut self, since: Duration) {
        if !self.is_over {
            let rate = self.each * self.present.len() as f64;
            self.flow.change(since, rate);
        }
    }

    /// What is to be begun by then, and by whom; no more than so many join at a time.
    pub(crate) fn next_by(&mut self, since: Duration, most: usize) -> Option<(u32, Move)> {
        while !self.is_over
            && let Some(number) = self.leaves.pop_front()
        {
            let member = self.members[number as usize];
            if member.state == State::Parting && member.open == 0 {
                self.becomes(number, State::Leaving);
                return Some((number, Move::Leave));
            }
        }
        while !self.is_over
            && self.joining < most
            && let Some(number) = self.joins.pop_front()
        {
            if self.members[number as usize].state == State::Waiting {
                self.becomes(number, State::Joining);
                self.members[number as usize].is_dark = false;
                return Some((number, Move::Join));
            }
        }
        loop {
            let at = self.flow.next_by(since)?;
            let turn = self.turns;
            self.turns += 1;
            let place = spread(turn, self.present.len() as u32) as usize;
            // Where nobody is left whose turn it could be, nobody is owed one.
            if let Some(number) = self.present.get(place) {
                return Some((*number, Move::Operate(turn, at)));
            }
        }
    }

    /// When something is to be begun, as far as is known.
    pub(crate) fn peek(&self, most: usize) -> Option<Duration> {
        let joins = self.joining < most && !self.joins.is_empty();
        match !self.is_over && (joins || !self.leaves.is_empty()) {
            true => Some(Duration::ZERO),
            false => self.flow.peek(),
        }
    }

    /// A device has joined, or could not.
    pub(crate) fn joined(&mut self, number: u32, is_in: bool, since: Duration) {
        match is_in {
            false => self.becomes(number, State::Away),
            true if number < self.wanted => self.becomes(number, State::Present),
            true => self.parts(number),
        }
        self.paced(since);
    }

    /// A device has deregistered, or was not let go.
    pub(crate) fn left(&mut self, number: u32, since: Duration) {
        self.becomes(number, State::Away);
        if number < self.wanted {
            self.wants_in(number);
            self.paced(since);
        }
    }

    /// An operation of a device begins.
    pub(crate) fn begun(&mut self, number: u32) {
        self.members[number as usize].open += 1;
    }

    /// An operation of a device is over.
    pub(crate) fn ended(&mut self, number: u32) {
        let member = &mut self.members[number as usize];
        member.open = member.open.saturating_sub(1);
        if member.open == 0 && member.state == State::Parting {
            self.leaves.push_back(number);
        }
    }

    /// What a device had begun that fell silent is given up, and keeps its place until that is free.
    pub(crate) fn given_up(&mut self, number: u32) {
        self.members[number as usize].open = 0;
        self.gone += 1;
    }

    /// The place of something that was given up is free.
    pub(crate) fn is_free(&mut self) {
        self.gone = self.gone.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 3;

    fn crowd(operation: &str) -> Crowd {
        let text = format!(
            "name = \"crowd\"\n[devices]\ncount = 9\n[mix]\n{operation} = 1\n[[stages]]\nrate = 1\nfor = \"1s\""
        );
        Crowd::new(&Workload::read(&text).unwrap(), 9, Seed::new(1))
    }

    fn wants(crowd: &mut Crowd, count: u32, leaving: Leaving) -> bool {
        crowd.steer(Steer::Devices { count, leaving }, Duration::ZERO)
    }

    fn moves(crowd: &mut Crowd, seconds: u64) -> Vec<(u32, Move)> {
        let since = Duration::from_secs(seconds);
        std::iter::from_fn(|| crowd.next_by(since, MOST)).collect()
    }

    fn joins(crowd: &mut Crowd) {
        loop {
            let began = moves(crowd, 0);
            if began.is_empty() {
                return;
            }
            for (number, what) in began {
                assert_eq!(what, Move::Join);
                crowd.joined(number, true, Duration::ZERO);
            }
        }
    }

    #[test]
    fn only_who_takes_part_has_a_turn_and_nobody_waits_for_an_answer() {
        let mut crowd = crowd("update");
        crowd.steer(Steer::Rate(2.0), Duration::ZERO);
        wants(&mut crowd, 5, Leaving::Deregister);
        assert_eq!(moves(&mut crowd, 9).len(), MOST, "no more join at a time");
        for number in 0..3 {
            crowd.joined(number, number != 1, Duration::from_secs(9));
        }
        assert_eq!(crowd.present(), 2);
        let all = moves(&mut crowd, 19);
        let joined = all.iter().filter(|(_, what)| *what == Move::Join).count();
        assert_eq!(joined, 2, "the fourth and the fifth");
        assert_eq!(
            all.len() - joined,
            40,
            "two devices, twice a second, for ten seconds"
        );
        let turns = |number| all.iter().filter(|(one, _)| *one == number).count();
        assert_eq!([turns(0), turns(1), turns(2)], [20, 0, 20]);
        assert!(!crowd.is_settled());
    }

    #[test]
    fn who_leaves_waits_for_its_answers_and_deregisters_then() {
        let mut crowd = crowd("update");
        wants(&mut crowd, 3, Leaving::Deregister);
        joins(&mut crowd);
        crowd.begun(2);
        assert!(!wants(&mut crowd, 1, Leaving::Deregister));
        assert_eq!(crowd.present(), 1);
        assert_eq!(moves(&mut crowd, 0), [(1, Move::Leave)]);
        crowd.ended(2);
        assert_eq!(moves(&mut crowd, 0), [(2, Move::Leave)]);
        // It is wanted again before it is gone.
        wants(&mut crowd, 3, Leaving::Deregister);
        assert_eq!(moves(&mut crowd, 0), []);
        crowd.left(1, Duration::ZERO);
        crowd.left(2, Duration::ZERO);
        assert_eq!(moves(&mut crowd, 0), [(1, Move::Join), (2, Move::Join)]);
        assert!(!crowd.is_settled());
        crowd.joined(1, true, Duration::ZERO);
        crowd.joined(2, true, Duration::ZERO);
        assert!(crowd.is_settled());
    }

    #[test]
    fn who_changes_its_mind_in_time_neither_joins_nor_leaves() {
        let mut crowd = crowd("update");
        wants(&mut crowd, 9, Leaving::Deregister);
        wants(&mut crowd, 2, Leaving::Deregister);
        wants(&mut crowd, 3, Leaving::Deregister);
        joins(&mut crowd);
        assert_eq!((crowd.present(), crowd.is_settled()), (3, true));
        wants(&mut crowd, 1, Leaving::Deregister);
        wants(&mut crowd, 3, Leaving::Deregister);
        assert_eq!(moves(&mut crowd, 0), []);
        assert_eq!((crowd.present(), crowd.is_settled()), (3, true));
    }

    #[test]
    fn who_falls_silent_is_dark_until_it_joins_again() {
        let mut crowd = crowd("update");
        wants(&mut crowd, 3, Leaving::Silently);
        joins(&mut crowd);
        crowd.begun(2);
        assert!(wants(&mut crowd, 2, Leaving::Silently));
        assert!(crowd.is_dark(2) && !crowd.is_dark(1) && crowd.is_settled());
        crowd.given_up(2);
        assert_eq!(crowd.gone(), 1);
        wants(&mut crowd, 3, Leaving::Silently);
        assert!(crowd.is_dark(2), "it has not begun to join");
        joins(&mut crowd);
        assert!(!crowd.is_dark(2));
    }

    #[test]
    fn who_registers_only_needs_not_join_and_nothing_begins_once_it_is_over() {
        let mut crowd = crowd("register");
        crowd.steer(Steer::Rate(1.0), Duration::ZERO);
        wants(&mut crowd, 4, Leaving::Deregister);
        assert_eq!((crowd.present(), crowd.is_settled()), (4, true));
        crowd.steer(Steer::Finish, Duration::from_secs(2));
        assert_eq!(
            moves(&mut crowd, 60).len(),
            8,
            "what was meant to begin before the end"
        );
        wants(&mut crowd, 9, Leaving::Deregister);
        assert_eq!((crowd.present(), crowd.steps().len()), (4, 2));
    }
}
