//! Floats of 16 bits, with libSQL's rounding.

/// The float that these bits are (IEEE 754 binary16). Of a NaN only the sign is kept.
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let mantissa = u32::from(bits & 0x3ff);
    f32::from_bits(match (exponent, mantissa) {
        (0, 0) => sign,
        // The value is mantissa × 2^-24.
        (0, _) => {
            let shift = mantissa.leading_zeros() - 21;
            sign | (113 - shift) << 23 | (mantissa << shift & 0x3ff) << 13
        }
        (0x1f, 0) => sign | 0x7f80_0000,
        (0x1f, _) => sign | 0x7fc0_0000,
        _ => sign | (exponent + 112) << 23 | mantissa << 13,
    })
}

/// The nearest float of 16 bits; of two equally near ones the even one. What has been shifted out of the mantissa of
/// a subnormal result does not count, as in libSQL.
pub fn f16_from_f32(number: f32) -> u16 {
    let bits = number.to_bits();
    let sign = bits >> 16 & 0x8000;
    let exponent = bits >> 23 & 0xff;
    let mantissa = bits & 0x7f_ffff;
    let (exponent, mantissa) = match exponent {
        255 if mantissa != 0 => (31, 1 << 22),
        143.. => (31, 0),
        113.. => (exponent - 112, mantissa),
        // As large as the least subnormal number, or half as large.
        102.. => (0, (mantissa | 0x80_0000) >> (113 - exponent)),
        _ => (0, 0),
    };
    let is_up = mantissa & 0x1fff > 0x1000 - (mantissa >> 13 & 1);
    let rounded = (mantissa >> 13) + u32::from(is_up);
    // A carry goes into the exponent.
    let [low, high, ..] = (sign | ((exponent << 10) + rounded)).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// The float whose upper half these bits are.
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The upper half of a float. libSQL does not round.
pub fn bf16_from_f32(number: f32) -> u16 {
    let [_, _, low, high] = number.to_bits().to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_of_16_bits_survives_the_way_to_32_bits_and_back() {
        for bits in 0..=u16::MAX {
            let there = f16_to_f32(bits);
            let expected = if there.is_nan() { bits & 0x8000 | 0x7e00 } else { bits };
            assert_eq!(f16_from_f32(there), expected, "{bits:#x}");
            assert_eq!(bf16_from_f32(bf16_to_f32(bits)), bits);
        }
    }

    #[test]
    fn numbers_are_rounded_to_the_nearest_even_one() {
        let cases = [
            (0.1, 0x2e66),
            (65504.0, 0x7bff),
            (65519.0, 0x7bff),
            (65520.0, 0x7c00),
            (1e9, 0x7c00),
            (-1e9, 0xfc00),
            (5.960_464_5e-8, 0x0001),
            (1e-10, 0),
            (3e-8, 1),
            (2.98e-8, 0),
            (6e-8, 1),
            (1.000_488_3, 0x3c00),
            (1.001_464_8, 0x3c02),
        ];
        for (number, bits) in cases {
            assert_eq!(f16_from_f32(number), bits, "{number}");
        }
    }
}
