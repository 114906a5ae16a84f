//! Kubernetes quantities, exactly: a sign, digits with at most one point, and a suffix (`m`, `Ki`, `M`, `e3`, …).
//!
//! Source: the resource.Quantity format of Kubernetes' API conventions.

/// A quantity in billionths, the finest that Kubernetes keeps; `None` if it is not a quantity, or beyond 128 bits.
pub fn nanos(text: &str) -> Option<i128> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits = whole
        .bytes()
        .chain(fraction.bytes())
        .try_fold(0_i128, |digits, byte| digits.checked_mul(10)?.checked_add(i128::from(byte - b'0')))?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let (factor, exponent) = suffix_of(suffix)?;
    let value = digits.checked_mul(factor)?;
    let exponent = exponent - scale + 9;
    let value = if exponent >= 0 {
        value.checked_mul(10_i128.checked_pow(exponent.unsigned_abs())?)?
    } else {
        // Finer than a billionth is rounded up, as Kubernetes does.
        let divisor = 10_i128.checked_pow(exponent.unsigned_abs())?;
        value / divisor + i128::from(value % divisor != 0)
    };
    Some(if negative { -value } else { value })
}

/// A factor and a power of ten.
fn suffix_of(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (1, exponent.parse().ok().filter(|exponent| (-30..=30).contains(exponent))?)
        }
    })
}

/// Whether both are quantities of the same value.
pub fn same(one: &str, other: &str) -> bool {
    match (nanos(one), nanos(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Whether both are quantities and `one` is less than `other`.
pub fn is_less(one: &str, other: &str) -> bool {
    matches!((nanos(one), nanos(other)), (Some(one), Some(other)) if one < other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_a_value_is_the_same() {
        for (one, other) in [
            ("2", "2000m"),
            ("1Gi", "1024Mi"),
            ("1.5Gi", "1536Mi"),
            ("1k", "1e3"),
            ("1E", "1e18"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1"),
            ("1Ei", "1152921504606846976"),
            ("100n", "0.1u"),
            ("+3", "3"),
            ("1E3", "1000"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        assert!(is_less("999Mi", "1Gi") && !is_less("1Gi", "1Gi") && is_less("-1", "0"));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in
            ["", "Gi", "1gi", "1 Gi", "1..2", "1.2.3", ".", "-", "0x1", "1e", "1e+", "1e999", "١", "1GiB", "NaN"]
        {
            assert_eq!(nanos(text), None, "{text}");
        }
        assert_eq!(nanos(&"9".repeat(60)), None);
    }
}
