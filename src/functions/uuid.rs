//! UUIDs (RFC 9562) as text and as 16 bytes.

/// The bytes of a UUID.
pub type Uuid = [u8; 16];

/// The bytes of a text: 32 hexadecimal digits, with `-` before any byte, and braces around. None if the text is
/// something else. The text ends at its first NUL.
pub fn parse(text: &[u8]) -> Option<Uuid> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut rest = text.strip_prefix(b"{").unwrap_or(text);
    let mut uuid = Uuid::default();
    for byte in &mut uuid {
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let (digits, behind) = rest.split_at_checked(2)?;
        let digit =
            |at: usize| char::from(digits[at]).to_digit(16).and_then(|it| u8::try_from(it).ok());
        *byte = digit(0)? << 4 | digit(1)?;
        rest = behind;
    }
    let rest = rest.strip_prefix(b"}").unwrap_or(rest);
    rest.is_empty().then_some(uuid)
}

/// The text of a UUID: lower case, with the usual four `-`.
pub fn format(uuid: Uuid) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(36);
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

/// A UUID of version 4 of random bytes.
pub fn of_random(mut bytes: Uuid) -> Uuid {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_many_texts_and_one_of_its_own() {
        let text = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for other in [
            text,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(parse(other.as_bytes()).map(format).as_deref(), Some(text));
        }
        for wrong in ["", "x", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "--a0", "é"] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(format(of_random([0xff; 16])), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
