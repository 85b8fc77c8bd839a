//! The seeded source of all random values.

use fastrand::Rng;

/// Generates ids, key material and nonces from one seed.
#[derive(Clone, Debug)]
pub(crate) struct Ids(Rng);

impl Ids {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// `count` lower-case hex digits.
    pub(crate) fn hex(&mut self, count: usize) -> String {
        self.draw(b"0123456789abcdef", count)
    }

    /// `count` upper-case letters and digits, as in access key ids and resource ids.
    pub(crate) fn upper(&mut self, count: usize) -> String {
        self.draw(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count)
    }

    pub(crate) fn uuid(&mut self) -> String {
        let parts = [self.hex(8), self.hex(4), format!("4{}", self.hex(3)), format!("a{}", self.hex(3)), self.hex(12)];
        parts.join("-")
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    fn draw(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).filter_map(|_| self.0.choice(alphabet)).map(|byte| char::from(*byte)).collect()
    }
}
