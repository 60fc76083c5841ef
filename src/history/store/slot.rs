//! One key's place in the file: 192 bytes.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0 | checksum of all that follows |
//! | 4 | level, number of observations, which of them are "at least", length of the text: a byte each |
//! | 8 | repository |
//! | 16 | hash |
//! | 24 | last change, number of runs |
//! | 32 | 8 observations, the newest first |
//! | 64 | text |
//! | 188 | the call that the newest observation is of |

use super::entry::{Key, Known, Observation, Row};

pub(super) const SIZE: usize = 192;
const OBSERVATIONS: usize = 8;
const TEXT: usize = 64;
const CALL: usize = 188;

#[derive(Clone, Copy)]
pub(super) struct Slot(pub(super) [u8; SIZE]);

/// What bytes in the file can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Empty,
    Used,
    /// Half written, or spoilt.
    Damaged,
}

impl Slot {
    pub(super) const EMPTY: Self = Self([0; SIZE]);

    /// A key of which nothing is known yet.
    pub(super) fn new(key: &Key) -> Self {
        let mut slot = Self::EMPTY;
        slot.0[4] = key.level;
        slot.0[8..16].copy_from_slice(&key.repository.to_le_bytes());
        slot.0[16..24].copy_from_slice(&key.hash.to_le_bytes());
        let text = &key.text[..key.text.floor_char_boundary(CALL - TEXT)];
        slot.0[7] = u8::try_from(text.len()).unwrap_or_default();
        slot.0[TEXT..TEXT + text.len()].copy_from_slice(text.as_bytes());
        slot
    }

    /// Puts an observation before the others, and seals all of it.
    pub(super) fn add(&mut self, observation: Observation, now: u32, call: u32) {
        self.0[CALL..].copy_from_slice(&call.to_le_bytes());
        let count = self.count().min(OBSERVATIONS - 1);
        self.0.copy_within(32..32 + 4 * count, 36);
        self.0[32..36].copy_from_slice(&observation.seconds.to_le_bytes());
        self.0[5] = u8::try_from(count + 1).unwrap_or_default();
        self.0[6] = self.0[6] << 1 | u8::from(observation.at_least);
        self.0[24..28].copy_from_slice(&now.to_le_bytes());
        let runs = self.number(28).saturating_add(1);
        self.0[28..32].copy_from_slice(&runs.to_le_bytes());
        let sum = self.checksum();
        self.0[..4].copy_from_slice(&sum.to_le_bytes());
    }

    pub(super) fn state(&self) -> State {
        if self.0[..TEXT] == [0; TEXT] {
            State::Empty
        } else if self.number(0) == self.checksum() {
            State::Used
        } else {
            State::Damaged
        }
    }

    /// Where it may lie: two numbers that any key has, the same in every build.
    pub(super) fn places(&self) -> [u64; 2] {
        places(self.repository(), self.level(), self.long(16))
    }

    pub(super) fn last(&self) -> u32 {
        self.number(24)
    }

    /// Whether the newest observation is of this call: two registrations of one hook tell it twice. 0 is no call's.
    pub(super) fn is_of(&self, call: u32) -> bool {
        call != 0 && self.number(CALL) == call
    }

    pub(super) fn known(&self) -> Known {
        Known {
            observations: self.observations(),
            runs: self.number(28),
        }
    }

    pub(super) fn row(&self) -> Row {
        let text = &self.0[TEXT..(TEXT + usize::from(self.0[7])).min(CALL)];
        Row {
            repository: self.repository(),
            level: self.level(),
            text: String::from_utf8_lossy(text).into_owned(),
            runs: self.number(28),
            last: self.last(),
            observations: self.observations(),
        }
    }

    fn observations(&self) -> Vec<Observation> {
        (0..self.count())
            .map(|index| Observation {
                seconds: f32::from_bits(self.number(32 + 4 * index)),
                at_least: self.0[6] >> index & 1 == 1,
            })
            .collect()
    }

    fn count(&self) -> usize {
        usize::from(self.0[5]).min(OBSERVATIONS)
    }

    pub(super) fn repository(&self) -> u64 {
        self.long(8)
    }

    fn level(&self) -> u8 {
        self.0[4]
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.0[at..at + 4].try_into();
        bytes.map(u32::from_le_bytes).unwrap_or_default()
    }

    fn long(&self, at: usize) -> u64 {
        let bytes = self.0[at..at + 8].try_into();
        bytes.map(u64::from_le_bytes).unwrap_or_default()
    }

    /// Four sums of words side by side: 42 slots are looked at for a new key.
    fn checksum(&self) -> u32 {
        let next =
            |sum: u64, word: u64| (sum.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut sums = [u64::from(self.number(4)), 1, 2, 3];
        for (index, at) in (8..SIZE).step_by(8).enumerate() {
            sums[index % 4] = next(sums[index % 4], self.long(at));
        }
        let sum = sums.into_iter().fold(0, next);
        let [a, b, c, d, ..] = (sum ^ sum >> 32).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

/// Whether a slot of these bytes is this key's, if it is anybody's.
pub(super) fn is_of(slot: &[u8; SIZE], key: &Key) -> bool {
    slot[16..24] == key.hash.to_le_bytes()
        && slot[8..16] == key.repository.to_le_bytes()
        && slot[4] == key.level
}

pub(super) fn places(repository: u64, level: u8, hash: u64) -> [u64; 2] {
    let first = mixed(repository ^ mixed(hash ^ mixed(u64::from(level))));
    [first, mixed(first)]
}

/// The end of `SplitMix64`: each bit in changes half of the bits that come out.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
