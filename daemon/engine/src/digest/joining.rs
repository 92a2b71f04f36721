//! The checksum of two runs of bytes from the checksums of each, in time that does not grow with them.
//!
//! A CRC is the remainder of a polynomial over bits. Appending `n` bytes multiplies what came before by x^(8n); so the
//! checksum of both runs is the first one times x^(8n), modulo the polynomial, plus the second one. The power takes some
//! microseconds to find, and is kept: extents that follow one another mostly have the same length.

use super::Checksum;

/// The polynomial of CRC-64/NVME, its lowest power in the highest bit.
const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;
/// x^0.
const ONE: u64 = 1 << 63;
/// x^8: one byte more.
const BYTE: u64 = ONE >> 8;

/// Joins checksums, and remembers what joining a run of the last length took.
#[derive(Clone, Copy, Debug)]
pub struct Joiner {
    length: u64,
    /// x^(8·length).
    power: u64,
}

impl Default for Joiner {
    fn default() -> Self {
        Self { length: 0, power: ONE }
    }
}

impl Joiner {
    /// The checksum of bytes whose checksum is `first`, followed by `length` bytes whose checksum is `next`.
    pub fn join(&mut self, first: Checksum, next: Checksum, length: u64) -> Checksum {
        if length != self.length {
            *self = Self { length, power: power_of_byte(length) };
        }
        Checksum(times(first.0, self.power) ^ next.0)
    }
}

/// x^(8·exponent), by squaring.
fn power_of_byte(mut exponent: u64) -> u64 {
    let (mut power, mut square) = (ONE, BYTE);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = times(power, square);
        }
        square = times(square, square);
        exponent >>= 1;
    }
    power
}

/// The product of two polynomials, modulo the polynomial. Without branches: which way they would go is chance.
fn times(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    for bit in (0..64).rev() {
        product ^= b & 0_u64.wrapping_sub((a >> bit) & 1);
        b = (b >> 1) ^ (POLYNOMIAL & 0_u64.wrapping_sub(b & 1));
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_checksums_are_those_of_the_bytes_in_a_row() {
        let bytes: Vec<u8> = (0..70_000_u64).map(|n| u8::try_from(n * n % 251).unwrap()).collect();
        let mut joiner = Joiner::default();
        for cut in [0, 1, 7, 8, 4096, 65_536, 69_999, 70_000] {
            let (first, next) = bytes.split_at(cut);
            let joined = joiner.join(Checksum::of(first), Checksum::of(next), next.len() as u64);
            assert_eq!(joined, Checksum::of(&bytes), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_remembered_of_one_length_is_not_used_for_another() {
        let mut joiner = Joiner::default();
        let (a, b) = (Checksum(0x1234_5678_9abc_def0), Checksum(0x0fed_cba9_8765_4321));
        for length in [0, 1, 5 << 20, 5 << 20, 3, 1 << 40, u64::MAX, 5 << 20] {
            let expected = crc_fast::checksum_combine(crc_fast::CrcAlgorithm::Crc64Nvme, a.0, b.0, length);
            assert_eq!(joiner.join(a, b, length), Checksum(expected), "{length}");
        }
    }
}
