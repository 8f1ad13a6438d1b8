//! What many measurements say together.

use serde::Serialize;

/// The middle and both ends of some measurements, in their unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The one in the middle; of an even number the mean of both.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these measurements; nothing of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get(values.len().saturating_sub(1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), min, max })
    }

    /// Of the ratios of two rows of measurements, round by round.
    pub fn of_ratios(values: &[f64], to: &[f64]) -> Option<Self> {
        Self::of(values.iter().zip(to).map(|(value, to)| value / to))
    }
}

/// The smallest value that at least `permille` thousandths of all do not exceed; nothing of none.
///
/// The nearest-rank method. The values must be sorted.
pub fn percentile<T: Copy>(sorted: &[T], permille: usize) -> Option<T> {
    let rank = sorted.len().checked_mul(permille)?.div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expected) in [
            (vec![3.0], Some((3.0, 3.0, 3.0))),
            (vec![5.0, 1.0, 2.0], Some((2.0, 1.0, 5.0))),
            (vec![4.0, 1.0, 2.0, 8.0], Some((3.0, 1.0, 8.0))),
            (vec![], None),
        ] {
            let spread = Spread::of(values.clone()).map(|spread| (spread.median, spread.min, spread.max));
            assert_eq!(spread, expected, "{values:?}");
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let spread = Spread::of_ratios(&[2.0, 9.0, 3.0], &[1.0, 3.0, 2.0]);
        assert_eq!(spread, Some(Spread { median: 2.0, min: 1.5, max: 3.0 }));
        assert_eq!(Spread::of_ratios(&[1.0], &[]), None);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let hundred: Vec<u32> = (1..=100).collect();
        for (permille, expected) in [(0, 1), (10, 1), (500, 50), (505, 51), (990, 99), (999, 100), (1000, 100)] {
            assert_eq!(percentile(&hundred, permille), Some(expected), "{permille}");
        }
        assert_eq!(percentile(&[7], 999), Some(7));
        assert_eq!(percentile::<u32>(&[], 500), None);
    }
}
