//! Plots over time, or over sizes, as SVG: panels one below the other on one axis, a curve a contestant.
//!
//! Written by hand, for it is three kinds of shape and some text; a plotting library would bring fonts and rasters, and
//! still not this layout.

mod axis;
mod draw;
mod svg;

use std::ops::Range;

pub use axis::Scale;

/// A whole picture.
#[derive(Clone, Debug)]
pub struct Figure {
    /// In large letters.
    pub title: String,
    /// Below it.
    pub about: String,
    /// What is on the horizontal axis.
    pub across: Across,
    /// From where to where: seconds, or powers of ten.
    pub time: Range<f64>,
    /// A time to stand out.
    pub shaded: Range<f64>,
    /// Who the curves are of: name and style, in the order of each panel's curves.
    pub legend: Vec<(String, Style)>,
    /// From top to bottom.
    pub panels: Vec<Panel>,
}

/// What is on the horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Across {
    /// Time, in seconds.
    Seconds,
    /// How many there are of this, by order of magnitude.
    Sizes(&'static str),
}

/// One set of axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What is shown, with its unit.
    pub title: String,
    /// Of the vertical axis.
    pub scale: Scale,
    /// What a label of the vertical axis says of its value.
    pub label: fn(f64) -> String,
    /// A value to compare with, and what it is.
    pub level: Option<(f64, String)>,
    /// Points by their place on the horizontal axis; where a value is absent the curve has a gap.
    pub curves: Vec<Vec<(f64, Option<f64>)>>,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// As SVG takes it.
    pub color: &'static str,
    /// Pixels.
    pub width: f64,
    /// Pixels of line and gap; a whole line if none.
    pub dashes: Option<&'static str>,
}

impl Figure {
    /// The picture as a whole SVG document.
    pub fn svg(&self) -> String {
        draw::draw(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
