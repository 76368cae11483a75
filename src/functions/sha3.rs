//! SHA3 (FIPS 202).

/// The constants of the rounds.
const ROUNDS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// The lanes in the order in which ρ and π move them, and the rotation of each.
const MOVES: [(usize, u32); 24] = [
    (10, 1),
    (7, 3),
    (11, 6),
    (17, 10),
    (18, 15),
    (3, 21),
    (5, 28),
    (16, 36),
    (8, 45),
    (21, 55),
    (24, 2),
    (4, 14),
    (15, 27),
    (23, 41),
    (19, 56),
    (13, 8),
    (12, 25),
    (2, 43),
    (20, 62),
    (14, 18),
    (22, 39),
    (9, 61),
    (6, 20),
    (1, 44),
];

/// The number of bytes between two questions whether to stop. They take about a millisecond.
const BYTES_BETWEEN_QUESTIONS: usize = 1 << 18;

/// The hash of `data` with `bits` bits: 224, 256, 384 or 512. None if `is_stopped`, which is asked from time to time,
/// said so.
pub fn sha3(data: &[u8], bits: usize, is_stopped: &dyn Fn() -> bool) -> Option<Vec<u8>> {
    let mut state = [0_u64; 25];
    let rate = 200 - bits / 4;
    let blocks = data.chunks_exact(rate);
    let mut last = [0_u8; 200];
    let rest = blocks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x06;
    last[rate - 1] |= 0x80;
    let mut asked_at = BYTES_BETWEEN_QUESTIONS;
    for (at, block) in blocks.enumerate() {
        if at * rate >= asked_at {
            asked_at += BYTES_BETWEEN_QUESTIONS;
            if is_stopped() {
                return None;
            }
        }
        absorb(&mut state, block);
    }
    absorb(&mut state, &last[..rate]);
    Some(state.iter().flat_map(|lane| lane.to_le_bytes()).take(bits / 8).collect())
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks().0) {
        *lane ^= u64::from_le_bytes(*bytes);
    }
    permute(state);
}

/// Keccak-f[1600].
fn permute(state: &mut [u64; 25]) {
    for constant in ROUNDS {
        // θ
        let mut columns = [0; 5];
        for x in 0..5 {
            columns[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
        }
        for x in 0..5 {
            let change = columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
            for y in 0..5 {
                state[5 * y + x] ^= change;
            }
        }
        // ρ and π
        let mut moved = [state[0]; 25];
        let mut from = 1;
        for (to, rotation) in MOVES {
            moved[to] = state[from].rotate_left(rotation);
            from = to;
        }
        // χ
        for y in 0..5 {
            for x in 0..5 {
                let next = !moved[5 * y + (x + 1) % 5] & moved[5 * y + (x + 2) % 5];
                state[5 * y + x] = moved[5 * y + x] ^ next;
            }
        }
        // ι
        state[0] ^= constant;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(data: &[u8], bits: usize) -> String {
        let hash = sha3(data, bits, &|| false).unwrap();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The examples of NIST.
    #[test]
    fn hashes_are_those_of_the_standard() {
        assert_eq!(hash(b"", 224), "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7");
        assert_eq!(
            hash(b"abc", 256),
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
        );
        assert_eq!(
            hash(&[0xa3; 200], 256),
            "79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787"
        );
        assert!(hash(b"abc", 384).starts_with("ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c25"));
        assert!(hash(b"abc", 512).starts_with("b751850b1a57168a5693cd924b6b096e08f621827444f70d"));
    }

    #[test]
    fn a_stop_ends_a_long_hash() {
        assert_eq!(sha3(&[0; 1 << 20], 256, &|| true), None);
    }
}
