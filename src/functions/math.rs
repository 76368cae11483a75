//! The functions on numbers of which libSQL has its own: `log`, `ceil`, `floor`, `square`, `cot`, `coth`.

use super::Number;

/// Why a number has no logarithm. The texts are those of the C library, which libSQL shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MathError {
    #[error("Numerical argument out of domain")]
    Domain,
    #[error("Numerical result out of range")]
    Range,
}

/// The natural logarithm.
///
/// # Errors
/// There is none for 0 and for less.
pub fn log(number: f64) -> Result<f64, MathError> {
    match number {
        number if number < 0.0 => Err(MathError::Domain),
        0.0 => Err(MathError::Range),
        number => Ok(number.ln()),
    }
}

/// The smallest integer that is not less. A real number if it has more than 64 bits.
pub fn ceiling(number: Number) -> Number {
    whole(number, f64::ceil)
}

/// The largest integer that is not more. A real number if it has more than 64 bits.
pub fn floor(number: Number) -> Number {
    whole(number, f64::floor)
}

fn whole(number: Number, round: fn(f64) -> f64) -> Number {
    const END: f64 = 9_223_372_036_854_775_808.0;
    match number {
        Number::Real(real) => match round(real) {
            #[expect(clippy::cast_possible_truncation, reason = "checked")]
            whole if (-END..END).contains(&whole) => Number::Integer(whole as i64),
            whole => Number::Real(whole),
        },
        integer @ Number::Integer(_) => integer,
    }
}

/// The square. That of an integer is a real number if it has more than 64 bits.
pub fn square(number: Number) -> Number {
    match number {
        Number::Integer(integer) => match integer.checked_mul(integer) {
            Some(square) => Number::Integer(square),
            None => Number::Real(number.real() * number.real()),
        },
        Number::Real(real) => Number::Real(real * real),
    }
}

/// The cotangent.
pub fn cotangent(angle: f64) -> f64 {
    1.0 / angle.tan()
}

/// The hyperbolic cotangent.
pub fn hyperbolic_cotangent(number: f64) -> f64 {
    1.0 / number.tanh()
}

#[cfg(test)]
mod tests {
    use super::Number::{Integer, Real};
    use super::*;

    #[test]
    fn log_is_the_natural_logarithm() {
        assert_eq!(log(1.0), Ok(0.0));
        assert_eq!(log(std::f64::consts::E), Ok(1.0));
        assert_eq!(log(0.0), Err(MathError::Range));
        assert_eq!(log(-1.0), Err(MathError::Domain));
    }

    #[test]
    fn whole_numbers_are_integers_if_they_fit() {
        assert_eq!(ceiling(Real(2.5)), Integer(3));
        assert_eq!(floor(Real(-2.5)), Integer(-3));
        assert_eq!(floor(Integer(7)), Integer(7));
        assert_eq!(ceiling(Real(1e300)), Real(1e300));
        assert_eq!(floor(Real(9_223_372_036_854_775_808.0)), Real(9_223_372_036_854_775_808.0));
        assert_eq!(floor(Real(-9_223_372_036_854_775_808.0)), Integer(i64::MIN));
        assert_eq!(square(Integer(-3)), Integer(9));
        assert_eq!(square(Integer(1 << 40)), Real(2_f64.powi(80)));
    }
}
