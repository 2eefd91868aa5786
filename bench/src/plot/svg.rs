//! The few elements of SVG that a plot needs, written as text.

use std::fmt::{Display, Write};

/// A document in the making.
pub(super) struct Svg {
    text: String,
}

/// Where a text begins, ends, or has its middle.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// A white sheet of this size, in pixels.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self {
            text: String::new(),
        };
        svg.line(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\">"
        ));
        svg.line(format_args!("<title>{}</title>", escape(title)));
        svg.rectangle([0.0, 0.0], [width, height], "#ffffff");
        svg
    }

    pub(super) fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], fill: &str) {
        self.line(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
        ));
    }

    /// A line through `points`; `pen` is what SVG's attributes say of it. Absent points leave gaps.
    pub(super) fn curve(&mut self, points: impl Iterator<Item = Option<[f64; 2]>>, pen: &str) {
        let mut path = String::new();
        let mut is_down = false;
        for point in points {
            if let Some([x, y]) = point {
                let command = if is_down { 'L' } else { 'M' };
                // Writing to a string cannot fail.
                let _ = write!(path, "{command}{x:.1} {y:.1}");
            }
            is_down = point.is_some();
        }
        self.line(format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\" {pen}/>"
        ));
    }

    pub(super) fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.line(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{}</text>",
            escape(text)
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.line("</svg>");
        self.text
    }

    fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.text, "{line}");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
