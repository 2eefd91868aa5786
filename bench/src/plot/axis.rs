//! From values to places: linear or logarithmic, with ticks at round numbers.

/// How values lie on the vertical axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from zero.
    Linear,
    /// By their order of magnitude; what is not positive lies on the bottom.
    Logarithmic,
}

/// About so many ticks fit beside a panel.
const TICKS: f64 = 4.0;

/// The values from `low` to `high`, on 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis that shows all `values`.
    pub(super) fn around(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let highest = values.clone().fold(0.0, f64::max);
        match scale {
            Scale::Linear => {
                let highest = if highest > 0.0 { highest } else { 1.0 };
                let step = round_step(highest);
                Self {
                    scale,
                    low: 0.0,
                    high: (highest / step).ceil() * step,
                }
            }
            Scale::Logarithmic => {
                let lowest = values
                    .filter(|&value| value > 0.0)
                    .fold(f64::INFINITY, f64::min);
                let lowest = if lowest.is_finite() { lowest } else { 1.0 };
                let low = 10_f64.powf(lowest.log10().floor());
                let high = 10_f64.powf(highest.max(lowest).log10().ceil());
                // At least one order of magnitude, or there is nothing to divide by.
                let high = high.max(low * 10.0);
                Self { scale, low, high }
            }
        }
    }

    /// Where `value` lies: 0 is the bottom, 1 the top, and nothing lies beyond.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => {
                (value.max(self.low) / self.low).log10() / (self.high / self.low).log10()
            }
        };
        place.clamp(0.0, 1.0)
    }

    /// Values worth a line.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = round_step(self.high);
                let count = (self.high / step).round() as u32;
                (0..=count).map(|tick| f64::from(tick) * step).collect()
            }
            Scale::Logarithmic => {
                let orders = (self.high / self.low).log10().round() as i32;
                (0..=orders)
                    .map(|order| self.low * 10_f64.powi(order))
                    .collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, to reach `highest` in a few steps.
pub(super) fn round_step(highest: f64) -> f64 {
    let rough = highest / TICKS;
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0];
    let fits = times
        .into_iter()
        .find(|times| times * power >= rough * 0.999);
    fits.unwrap_or(10.0) * power
}
